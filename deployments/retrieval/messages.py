"""What feed servers ask shards, and what these answer: arrays as their bytes, in one flat message."""

from collections.abc import Sequence
from typing import Self

import msgspec
import numpy as np
from msgspec import Struct

from deployments.retrieval.nearby import Nearby
from kernels.columns import F32


class SearchQuestion(Struct, array_like=True, frozen=True):
    """For the posts nearest to each of V vectors."""

    release: str
    wanted: tuple[int, ...]  # [V] how many posts
    vectors: memoryview  # float32[V, D]

    @classmethod
    def of(cls, release: str, vectors: F32, wanted: Sequence[int]) -> Self:
        return cls(release, tuple(wanted), memoryview(vectors.tobytes()))

    def matrix(self) -> F32:
        """The vectors [V, D], to be written to if one likes."""
        values = np.frombuffer(self.vectors, np.float32)
        return values.reshape(len(self.wanted), len(values) // max(1, len(self.wanted))).copy()


class SearchAnswer(Struct, array_like=True, frozen=True):
    """One vector's posts behind those of the other."""

    counts: tuple[int, ...]  # [V]
    post_ids: memoryview  # int64[sum of counts]
    scores: memoryview  # float32, likewise

    @classmethod
    def of(cls, found: Sequence[Nearby]) -> Self:
        ids = np.concatenate([np.zeros(0, np.int64), *(near.post_ids for near in found)])
        scores = np.concatenate([np.zeros(0, np.float32), *(near.scores for near in found)])
        return cls(tuple(len(near.post_ids) for near in found), memoryview(ids.tobytes()), memoryview(scores.tobytes()))

    def nearby(self) -> list[Nearby]:
        """By vector."""
        ends = np.cumsum(self.counts, dtype=np.int64)[:-1]
        ids, scores = np.frombuffer(self.post_ids, np.int64), np.frombuffer(self.scores, np.float32)
        pairs = zip(np.split(ids, ends), np.split(scores, ends), strict=True)
        return [Nearby(*pair) for pair in pairs][: len(self.counts)]


encode = msgspec.msgpack.Encoder().encode
decode_question = msgspec.msgpack.Decoder(SearchQuestion).decode
decode_answer = msgspec.msgpack.Decoder(SearchAnswer).decode
