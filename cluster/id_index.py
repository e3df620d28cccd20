"""Rows of ids that come in any order, while lookups stay binary searches."""

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from kernels.columns import I32, I64

#: The short segment is merged into the long one when it is longer than this, and than a share of the long one.
SHORT: Final = 4096
SHARE: Final = 16


def rows_of(ids: I64, known: I64) -> I32:
    """Row of each of `ids` in the ascending `known`; -1 for an id that is not there."""
    if not len(known):
        return np.full(len(ids), -1, np.int32)
    at = np.minimum(np.searchsorted(known, ids), len(known) - 1)
    return np.where(known[at] == ids, at, -1).astype(np.int32)


@dataclass(frozen=True, slots=True)
class _Segment:
    ids: I64 = field(default_factory=lambda: np.zeros(0, np.int64))  # ascending
    rows: I32 = field(default_factory=lambda: np.zeros(0, np.int32))
    in_order: bool = False  # whether the rows are 0, 1, 2, ...

    def rows_of(self, ids: I64) -> I32:
        at = rows_of(ids, self.ids)
        return at if self.in_order or not len(self.rows) else np.where(at >= 0, self.rows[at], -1)

    def adding(self, ids: I64, rows: I32) -> "_Segment":
        order = np.argsort(ids, kind="stable")
        at = np.searchsorted(self.ids, ids[order])
        return _Segment(np.insert(self.ids, at, ids[order]), np.insert(self.rows, at, rows[order]))


class IdIndex:
    """Distinct ids and their rows: a long sorted segment, and a short one in front of it that takes what is added.

    An index is never changed, so that whoever holds one sees the ids of one moment.
    """

    def __init__(self, ids: I64) -> None:
        """Ascending `ids`, the row of each being its position."""
        self._long = _Segment(ids, np.arange(len(ids), dtype=np.int32), in_order=True)
        self._short = _Segment()

    def rows_of(self, ids: I64) -> I32:
        """Row of each of `ids`; -1 for an id that is not there."""
        rows = self._long.rows_of(ids)
        return np.maximum(rows, self._short.rows_of(ids)) if len(self._short.ids) else rows

    def adding(self, ids: I64, rows: I32) -> "IdIndex":
        """This index and `ids`, distinct and new to it, with their rows."""
        index = object.__new__(IdIndex)
        index._long, index._short = self._long, self._short.adding(ids, rows)
        if len(index._short.ids) > max(SHORT, len(self._long.ids) // SHARE):
            index._long, index._short = self._long.adding(index._short.ids, index._short.rows), _Segment()
        return index
