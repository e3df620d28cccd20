"""What a feed promised: the ranker's logits of the posts that it showed, kept for as long as people may act on them.

`served:{request_id}` in the state store; of a share of the users, which is enough to learn from.
"""

import msgspec
import numpy as np
from msgspec import Struct

from kernels.columns import F32, I64
from kernels.hashing import share_of


class UnreadableServed(ValueError):
    """Bytes that are no record of a served feed."""


class ServedFeed(Struct, array_like=True, frozen=True):
    """One feed. K posts, H heads. Whose it was it does not say, so that erasing a user leaves nothing here."""

    release: str
    heads: tuple[str, ...]
    posts: bytes  # int64[K] ids
    predicted: bytes  # float32[K, H] logits of the ranker itself, without any correction

    @classmethod
    def of(cls, release: str, heads: tuple[str, ...], post_ids: I64, logits: F32) -> "ServedFeed":
        posts = np.ascontiguousarray(post_ids, np.int64)
        return cls(release, heads, posts.tobytes(), np.ascontiguousarray(logits, np.float32).tobytes())

    @property
    def post_ids(self) -> I64:
        return np.frombuffer(self.posts, np.int64)

    @property
    def logits(self) -> F32:
        """[K, H]"""
        return np.frombuffer(self.predicted, np.float32).reshape(len(self.post_ids), len(self.heads))


_decoder = msgspec.msgpack.Decoder(ServedFeed)


def sampled(user_id: int, share: float) -> bool:
    """Whether a user is one of the `share` that is learned from; always the same ones."""
    return share_of(user_id) < share


def served_key(request_id: str) -> bytes:
    return b"served:" + request_id.encode()


def encode_served(served: ServedFeed) -> bytes:
    return msgspec.msgpack.encode(served)


def decode_served(blob: bytes) -> ServedFeed:
    """Raises UnreadableServed."""
    try:
        served = _decoder.decode(blob)
        _ = served.logits
    except (msgspec.DecodeError, ValueError) as error:
        raise UnreadableServed(str(error)) from None
    return served
