"""Candidates as columns: one entry a post, from the sources to the answer."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kernels.columns import F32, I32, I64

U32 = NDArray[np.uint32]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Candidates:
    """C candidates in their present order. Components replace columns, never write into them."""

    rows: I32  # [C] post rows
    sources: U32  # [C] bit s = brought by source s of the pipeline
    score: F32  # [C] the best score so far: source order, then pre-rank, then utility
    x: F32 | None = None  # [C, F] features
    heads: F32 | None = None  # [C, H] the ranker's predictions
    reserved: Bools | None = None  # [C] has a place of its own, such as an ad: soft filters, cuts and rules pass it by

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, which: Bools | I64) -> "Candidates":
        """The candidates of a mask [C], or of positions, in that order."""
        return Candidates(
            self.rows[which],
            self.sources[which],
            self.score[which],
            None if self.x is None else self.x[which],
            None if self.heads is None else self.heads[which],
            None if self.reserved is None else self.reserved[which],
        )

    def then(self, more: "Candidates") -> "Candidates":
        """These candidates, and `more` with the same columns behind."""
        return Candidates(
            np.concatenate([self.rows, more.rows]),
            np.concatenate([self.sources, more.sources]),
            np.concatenate([self.score, more.score]),
            None if self.x is None or more.x is None else np.concatenate([self.x, more.x]),
            None if self.heads is None or more.heads is None else np.concatenate([self.heads, more.heads]),
            None if self.reserved is None or more.reserved is None else np.concatenate([self.reserved, more.reserved]),
        )

    def first(self, count: int) -> "Candidates":
        """Up to `count` of them."""
        return self.take(np.arange(min(count, len(self))))

    def cut(self, chosen: I64) -> "Candidates":
        """The candidates at `chosen`, in that order, and behind them the reserved ones that are not among them."""
        if self.reserved is None:
            return self.take(chosen)
        left = self.reserved.copy()
        left[chosen] = False
        return self.take(np.concatenate([chosen, np.flatnonzero(left)]))

    def apart(self) -> tuple["Candidates", "Candidates"]:
        """Those without a place of their own, and those with one."""
        if self.reserved is None:
            return self, self.take(np.zeros(0, np.int64))
        return self.take(~self.reserved), self.take(self.reserved)
