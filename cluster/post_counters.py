"""Counters of posts, of authors and of all posts together: as the state store keeps them, and as updates for replicas.

A record is a magic, a version, a CRC-32 and the bytes of one row of RECORD.
"""

import struct
import zlib
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from kernels.actions import COUNTS
from kernels.decay import WINDOWS_MS
from kernels.trending import REGIONS

#: Counters of one post or author. An author, and all posts together, have neither author, topic nor regions.
RECORD: Final = np.dtype(
    [
        ("counted_ms", "<i8"),
        ("author", "<i8"),  # id; -1 = unknown
        ("topic", "<i8"),  # stable id; 0 = unknown
        ("told_ms", "<i8"),  # reference time of the regions
        ("region", "<i8", (REGIONS,)),
        ("region_hour", "<f4", (REGIONS,)),
        ("region_day", "<f4", (REGIONS,)),
        ("counts", "<f4", (len(WINDOWS_MS), len(COUNTS))),
    ]
)
TOTALS: Final = b"totals"
TRENDING: Final = b"trending"
STREAM: Final = b"{counters}"
VERSION: Final = 1
_MAGIC: Final = b"CP"
_HEADER: Final = struct.Struct("<2sHI")


class UnreadableCounters(ValueError):
    """A record that is damaged or of a version that is not known."""


def post_key(post_id: int) -> bytes:
    return b"p:%d" % post_id


def author_key(author_id: int) -> bytes:
    return b"a:%d" % author_id


def new_records(count: int) -> NDArray[np.void]:
    """Records of posts with which nothing has happened yet."""
    records = np.zeros(count, RECORD)
    records["author"] = -1
    return records


def pack_record(record: NDArray[np.void]) -> bytes:
    """The blob of one RECORD."""
    body = record.tobytes()
    return _HEADER.pack(_MAGIC, VERSION, zlib.crc32(body)) + body


def unpack_record(blob: bytes) -> NDArray[np.void]:
    """RECORD[1] of a blob. Raises UnreadableCounters."""
    if len(blob) != _HEADER.size + RECORD.itemsize:
        raise UnreadableCounters(f"{len(blob)} bytes are not a record of {_HEADER.size + RECORD.itemsize}")
    magic, version, checksum = _HEADER.unpack_from(blob)
    body = blob[_HEADER.size :]
    if (magic, version, checksum) != (_MAGIC, VERSION, zlib.crc32(body)):
        raise UnreadableCounters("magic, version or checksum is wrong")
    return np.frombuffer(body, RECORD)


class Trending(msgspec.Struct, array_like=True, frozen=True):
    """Post ids int64 as bytes, the strongest trend first, at one moment."""

    time_ms: int = 0
    everywhere: bytes = b""
    by_region: dict[int, bytes] = {}  # stable id of the region -> posts
    by_topic: dict[int, bytes] = {}


class CounterUpdate(msgspec.Struct, array_like=True, frozen=True):
    """New values of what a batch of effects has changed, as arrays in bytes."""

    posts: bytes  # int64[n] ids
    post_counted_ms: bytes  # int64[n]
    post_counts: bytes  # float32[n, W, N]
    authors: bytes  # int64[m] ids
    author_counted_ms: bytes
    author_counts: bytes
    totals: bytes  # float32[W, N]; empty when they are not told
    trending: Trending | None = None  # when it was worked out anew


_encoder = msgspec.msgpack.Encoder()
_update_decoder = msgspec.msgpack.Decoder(CounterUpdate)
_trending_decoder = msgspec.msgpack.Decoder(Trending)


def encode(value: CounterUpdate | Trending) -> bytes:
    return _encoder.encode(value)


def decode_update(payload: bytes) -> CounterUpdate:
    """Raises msgspec.DecodeError."""
    return _update_decoder.decode(payload)


def decode_trending(payload: bytes | None) -> Trending:
    """The lists of a blob; empty ones where there is none. Raises msgspec.DecodeError."""
    return Trending() if payload is None else _trending_decoder.decode(payload)
