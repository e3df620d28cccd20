"""What online learning learns from: impressions whose time to act is over, with what the ranker had predicted."""

from typing import NamedTuple, Self

import numpy as np

from kernels.columns import F32, I64


class Rows(NamedTuple):
    """N impressions in the order of their time. H heads."""

    post_ids: I64  # [N]
    logits: F32  # [N, H] of the ranker itself, without any correction
    labels: F32  # [N, H] 0 or 1

    @classmethod
    def none(cls, heads: int) -> Self:
        return cls(np.zeros(0, np.int64), np.zeros((0, heads), np.float32), np.zeros((0, heads), np.float32))

    def __add__(self, more: object) -> Self:
        """These rows, then `more` of them."""
        if not isinstance(more, Rows):
            return NotImplemented
        return type(self)(*(np.concatenate(pair) for pair in zip(tuple(self), tuple(more), strict=True)))

    def between(self, begin: int, end: int) -> Self:
        """Rows `begin` to `end`, which is not one of them."""
        return type(self)(*(column[begin:end] for column in tuple(self)))

    @property
    def count(self) -> int:
        return len(self.post_ids)
