"""What online learning learns from: impressions whose time to act is over, with what the ranker had predicted."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from kernels.columns import F32, I64


@dataclass(frozen=True, slots=True)
class Rows:
    """N impressions in the order of their time. H heads."""

    post_ids: I64  # [N]
    logits: F32  # [N, H] of the ranker itself, without any correction
    labels: F32  # [N, H] 0 or 1

    @classmethod
    def none(cls, heads: int) -> Self:
        return cls(np.zeros(0, np.int64), np.zeros((0, heads), np.float32), np.zeros((0, heads), np.float32))

    def __len__(self) -> int:
        return len(self.post_ids)

    def then(self, more: "Rows") -> "Rows":
        """These rows, and `more` of them behind."""
        return Rows(
            np.concatenate([self.post_ids, more.post_ids]),
            np.concatenate([self.logits, more.logits]),
            np.concatenate([self.labels, more.labels]),
        )

    def between(self, begin: int, end: int) -> "Rows":
        """Rows `begin` to `end`, which is not one of them."""
        return Rows(self.post_ids[begin:end], self.logits[begin:end], self.labels[begin:end])
