"""What happened to one feed request, packed: all that an explanation is made of, kept for an hour.

`explain:{request_id}` in the state store. It knows the user by nothing but the row that the ranker knows them by;
after an erasure it expires by itself.
"""

from typing import Any, Final

import msgspec
import numpy as np
import pyarrow as pa
from msgspec import Struct
from numpy.typing import NDArray

from cluster.wire import Choice, ComponentTrace

Column = NDArray[Any]

_CODEC: Final = pa.Codec("zstd", compression_level=1)
#: A record begins with its version and the length of what is compressed.
_HEAD: Final = 5
_VERSION: Final = 1
#: No record is longer than this; what claims to be is damaged.
_LONGEST: Final = 1 << 24


class UnreadableTrace(ValueError):
    """Bytes that are no trace of a feed."""


class Answer(Struct, array_like=True, frozen=True):
    """What the answer said beside its posts."""

    cold_start: bool
    degraded: list[str]
    relaxed: list[str]
    arms: dict[str, str]
    coverage: float
    timings_ms: dict[str, float]


class Cutter(Struct, array_like=True, frozen=True):
    """A component that took posts out, and why it does."""

    component: str
    reason: str


class TracedFeed(Struct, array_like=True, frozen=True):
    """N posts that sources brought, R ranked, Q of these ordered by the rules, K returned; H heads, F features."""

    request_id: str
    release: str
    surface: str
    limit: int
    time_ms: int
    answer: Answer
    components: list[ComponentTrace]
    choices: dict[str, Choice]
    sources: list[str]
    cutters: list[Cutter]
    # Of N posts:
    posts: Column  # int64 ids
    brought: Column  # uint32; bit s = brought by sources[s]
    cutter: Column  # uint8; which of `cutters` took it out, plus 1; 0 = none did
    cut_score: Column  # float32; the score at which it was taken out; NaN = not by its score
    # Of R posts, in the order before re-ranking:
    ranked: Column  # int32 places in `posts`
    utility: Column  # float32 what was re-ranked, of ads their value; pre-rank score where the ranker failed
    ads: Column  # uint8; 1 = an ad
    ruled: Column  # int32[Q] places among the R, of those without a place of their own
    heads: list[str]
    weights: Column  # float32[H] utility of each head; empty where the ranker failed
    predicted: Column  # float32[R, H]
    factors: Column  # float32[Q, kernels.boosts.FACTORS]; empty without re-ranking
    moved: Column  # int32[Q, kernels.rerank.RULES] places by which each rule moved it
    order: Column  # int32 places among the Q, as the rules ordered them
    later: list[tuple[str, Column]]  # components that changed that order, and int32 places in `posts` after each
    # Of K posts, in the order of the feed:
    feed: Column  # int32 places in `posts`
    authors: Column  # int64 ids
    scores: Column  # float32
    # For the ranker:
    user_row: int
    post_rows: Column  # int32[K]
    x: Column  # float32[F, K]; empty where features failed
    reference: Column  # float32[F] of the middle candidate


def trace_key(request_id: str) -> bytes:
    return b"explain:" + request_id.encode()


def encode_trace(traced: TracedFeed) -> bytes:
    packed = _encoder.encode(traced)
    compressed: bytes = _CODEC.compress(packed, asbytes=True)
    return bytes([_VERSION]) + len(packed).to_bytes(4, "little") + compressed


def decode_trace(blob: bytes) -> TracedFeed:
    """Raises UnreadableTrace."""
    length = int.from_bytes(blob[1:_HEAD], "little")
    try:
        if blob[:1] != bytes([_VERSION]) or length > _LONGEST:
            raise ValueError("not a record of this version")
        return _decoder.decode(_CODEC.decompress(blob[_HEAD:], length, asbytes=True))
    except (msgspec.DecodeError, ValueError, OSError) as error:
        raise UnreadableTrace(str(error)) from None


def _packed(column: Any) -> tuple[str, tuple[int, ...], bytes]:
    """Type, shape, and bytes: first the lowest of each number, last the highest, which are mostly alike."""
    numbers = np.ascontiguousarray(column)
    planes = numbers.reshape(-1).view(np.uint8).reshape(-1, numbers.itemsize)
    return numbers.dtype.str, numbers.shape, planes.T.tobytes()


def _unpacked(_: type, packed: Any) -> Column:
    dtype, shape, planes = packed
    numbers = np.frombuffer(planes, np.uint8).reshape(np.dtype(dtype).itemsize, -1).T
    column: Column = np.ascontiguousarray(numbers).view(dtype).reshape(shape)
    return column


_encoder = msgspec.msgpack.Encoder(enc_hook=_packed)
_decoder = msgspec.msgpack.Decoder(TracedFeed, dec_hook=_unpacked)
