"""Cursors: what a feed has shown, signed, so that whoever holds one is shown the rest without repeats.

A cursor carries its posts itself: it needs no store, and works on every replica that has the same key.
"""

import base64
import binascii
import hashlib
import hmac
import os
import time
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Final, Self

import msgspec
import numpy as np

from cluster.errors import InvalidField
from cluster.settings import Settings
from kernels.columns import I64, U32
from kernels.hashing import hashed

#: Posts that a cursor may hold; a feed that has shown more ends.
MAX_POSTS: Final = 2000
KEY_BYTES: Final = 32
_SIGNATURE_BYTES: Final = 16


class _Content(msgspec.Struct, array_like=True, frozen=True):
    user_id: int
    surface: str
    expires_s: int  # Unix time
    posts: bytes  # uint32[n], of `marks`


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Content)


def marks(post_ids: I64) -> U32:
    """32 bits of each post id, which stand for it: another post has the same ones in one of 4 billion cases."""
    return hashed(post_ids)


class Cursors:
    """Writes and reads cursors under a key that only servers know."""

    def __init__(self, key: bytes, lifetime_s: int) -> None:
        self._key = key
        self._lifetime_s = lifetime_s

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """With the key of the settings' home folder, which is made if there is none."""
        return cls(_key(settings.cursor_key), 60 * settings.serving.cursor_minutes)

    @classmethod
    def of_this_process(cls) -> Self:
        """For feeds that nobody goes on with."""
        return cls(os.urandom(KEY_BYTES), 60)

    def write(self, user_id: int, surface: str, posts: U32) -> str | None:
        """A cursor behind all `posts` [n]; None when they are too many."""
        if len(posts) > MAX_POSTS:
            return None
        body = _encoder.encode(_Content(user_id, surface, int(time.time()) + self._lifetime_s, posts.tobytes()))
        return _text(self._signature(body) + body)

    def read(self, cursor: str, user_id: int, surface: str) -> U32:
        """The posts behind a cursor. Raises InvalidField unless it is genuine, still good, and this user's feed's."""
        try:
            signed = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        except (binascii.Error, ValueError):
            signed = b""
        signature, body = signed[:_SIGNATURE_BYTES], signed[_SIGNATURE_BYTES:]
        if not hmac.compare_digest(signature, self._signature(body)) or _text(signed) != cursor:
            raise _invalid(cursor, "must be one that a feed answered, unchanged")
        content = _decoder.decode(body)
        if (content.user_id, content.surface) != (user_id, surface):
            raise _invalid(cursor, "belongs to another user's feed or another surface; ask for a feed without one")
        if content.expires_s < time.time():
            raise _invalid(cursor, f"is older than {self._lifetime_s // 60} minutes; ask for a feed without one")
        return np.frombuffer(content.posts, np.uint32)

    def _signature(self, body: bytes) -> bytes:
        return hmac.digest(self._key, body, hashlib.sha256)[:_SIGNATURE_BYTES]


def _text(signed: bytes) -> str:
    return base64.urlsafe_b64encode(signed).decode().rstrip("=")


def _invalid(cursor: str, allowed: str) -> InvalidField:
    return InvalidField("cursor", cursor[:40], allowed)


def _key(path: Path) -> bytes:
    """The key of a file that nobody else may read; made by whoever comes first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile(dir=path.parent, prefix=path.name) as file:
        file.write(os.urandom(KEY_BYTES))
        file.flush()
        with suppress(FileExistsError):
            os.link(file.name, path)  # whole, or not at all
    return path.read_bytes()
