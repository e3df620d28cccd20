"""Posts by the time of their publication, while more are published."""

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from kernels.columns import I32, I64

#: The short segment is merged into the long one when it is longer than this, and than a share of the long one.
SHORT: Final = 4096
SHARE: Final = 16


class ByTime:
    """Rows in order of time: a long sorted segment, and a short one that takes what is added.

    What was added stays: a post that is gone or has another time now is told by `newest`'s caller.
    """

    def __init__(self, times_ms: I64) -> None:
        """`times_ms` int64[P] of rows 0 to P - 1."""
        rows = np.argsort(times_ms, kind="stable").astype(np.int32)
        self._long = (times_ms[rows], rows)
        self._short = (np.zeros(0, np.int64), np.zeros(0, np.int32))

    def add(self, rows: I32, times_ms: I64) -> None:
        """Add `rows` with their times."""
        self._short = _merged(self._short, (times_ms, rows))
        if len(self._short[0]) > max(SHORT, len(self._long[0]) // SHARE):
            self._long = _merged(self._long, self._short)
            self._short = (self._short[0][:0], self._short[1][:0])

    def newest(self, after_ms: int, until_ms: int, limit: int, keep: Callable[[I32, I64], NDArray[np.bool_]]) -> I32:
        """Up to `limit` rows with `after_ms` <= time <= `until_ms`, the newest first.

        `keep` gets rows and the times under which they were found, and answers which of them count.
        """
        wanted = limit
        while True:
            last = [_last(segment, after_ms, until_ms, wanted) for segment in (self._long, self._short)]
            times, rows = _merged(*last)
            times, rows = times[-wanted:], rows[-wanted:]
            found = rows[keep(rows, times)]
            if len(found) >= limit or len(rows) < wanted:
                return found[::-1][:limit]
            wanted *= 2


_Segment = tuple[I64, I32]  # times, ascending, and rows


def _last(segment: _Segment, after_ms: int, until_ms: int, count: int) -> _Segment:
    """The last `count` of those with after_ms <= time <= until_ms."""
    times, rows = segment
    begin, end = np.searchsorted(times, [after_ms, until_ms + 1])
    begin = max(begin, end - count)
    return times[begin:end], rows[begin:end]


def _merged(a: _Segment, b: _Segment) -> _Segment:
    """Both in one order; of equal times, those of `b` are the later ones."""
    if not len(b[0]):
        return a
    times, rows = np.concatenate([a[0], b[0]]), np.concatenate([a[1], b[1]])
    order = np.argsort(times, kind="stable")
    return times[order], rows[order]
