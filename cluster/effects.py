"""Effects: what events changed in the counters of posts, on their way from the users consumer to the posts consumer.

They leave out what changed nothing, such as a second like, so that counters of posts agree with what users did.
"""

from typing import Final

import msgspec
import numpy as np

from kernels.columns import F32, I32, I64

STREAM: Final = b"{effects}"


class EffectBatch(msgspec.Struct, array_like=True, frozen=True):
    """E additions to counters, as little-endian arrays. Ids are public; topics and regions are `stable_id`s."""

    posts: bytes = b""  # int64[E]
    authors: bytes = b""  # int64[E]; -1 = unknown
    topics: bytes = b""  # int64[E]; 0 = unknown
    regions: bytes = b""  # int64[E] where it happened; 0 = unknown
    columns: bytes = b""  # int32[E] of kernels.actions.COUNTS
    amounts: bytes = b""  # float32[E]
    times_ms: bytes = b""  # int64[E]

    @classmethod
    def of(
        cls, posts: I64, authors: I64, topics: I64, regions: I64, columns: I32, amounts: F32, times_ms: I64
    ) -> "EffectBatch":
        """Pack arrays [E]."""
        return cls(*(column.tobytes() for column in (posts, authors, topics, regions, columns, amounts, times_ms)))

    def arrays(self) -> tuple[I64, I64, I64, I64, I32, F32, I64]:
        """The arrays that `of` packed."""
        return (
            np.frombuffer(self.posts, np.int64),
            np.frombuffer(self.authors, np.int64),
            np.frombuffer(self.topics, np.int64),
            np.frombuffer(self.regions, np.int64),
            np.frombuffer(self.columns, np.int32),
            np.frombuffer(self.amounts, np.float32),
            np.frombuffer(self.times_ms, np.int64),
        )


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(EffectBatch)


def encode_effects(effects: EffectBatch) -> bytes:
    return _encoder.encode(effects)


def decode_effects(payload: bytes) -> EffectBatch:
    """Inverse of `encode_effects`. Raises msgspec.DecodeError."""
    return _decoder.decode(payload)
