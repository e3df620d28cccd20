"""What feed servers ask a ranker: arrays as their bytes, in one flat message. The answer is the predictions' bytes."""

from typing import Self

import msgspec
import numpy as np
from msgspec import Struct

from kernels.columns import F32, I64


class RankQuestion(Struct, array_like=True, frozen=True):
    """For the predictions of C candidates. Rows are those of the release, which are the same everywhere."""

    release: str
    left_s: float  # how long the answer is of use
    user_row: int
    post_rows: memoryview  # int64[C]
    x: memoryview  # float32[C, F]

    @classmethod
    def of(cls, release: str, left_s: float, user_row: int, post_rows: I64, x: F32) -> Self:
        return cls(release, left_s, user_row, memoryview(post_rows.tobytes()), memoryview(x.tobytes()))

    def rows(self) -> I64:
        """[C]"""
        return np.frombuffer(self.post_rows, np.int64).copy()

    def features(self) -> F32:
        """[C, F]"""
        values, count = np.frombuffer(self.x, np.float32), len(self.post_rows) // 8
        return values.reshape(count, len(values) // max(1, count)).copy()


encode = msgspec.msgpack.Encoder().encode
decode_question = msgspec.msgpack.Decoder(RankQuestion).decode
