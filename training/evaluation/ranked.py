"""Rows of many lists in the order of their scores: what exact ranking metrics are computed from.

`groups` i64[N] names the list a row belongs to (any integers, any order), `labels` [N] is 0 or 1, `scores` [N] is
finite. Tied scores have no order, so a metric is its expected value over all orders of the ties (McSherry and Najork,
"Computing information retrieval performance measures efficiently in the presence of tied scores", ECIR 2008): the
order of the rows, which is often the order of time, cannot leak into it, and a scorer that cannot tell a list's rows
apart gets exactly what a random one gets on average.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cluster.errors import CascadeError

Array = NDArray[Any]
F64 = NDArray[np.float64]
I64 = NDArray[np.int64]


class Ranked(NamedTuple):
    """Rows ordered by list, best score first. Starts are row numbers; a tie is a run of equal scores in a list."""

    labels: F64  # [N]
    list_start: I64  # [L]
    list_length: I64  # [L]
    tie_start: I64  # [T]
    tie_length: I64  # [T]
    tie_list: I64  # [T] the list a tie belongs to

    @property
    def positives(self) -> F64:
        """Positives of each list, [L]."""
        return sums(self.labels, self.list_start)

    @property
    def tie_positives(self) -> F64:
        """Positives of each tie, [T]."""
        return sums(self.labels, self.tie_start)

    @property
    def tie_rank(self) -> I64:
        """Rows of the list that are ranked above each tie, [T]."""
        return self.tie_start - self.list_start[self.tie_list]


def rank(groups: Array, labels: Array, scores: Array) -> Ranked:
    """Order rows by list and descending score.

    Raises `CascadeError` on lengths that differ, no rows, labels other than 0 and 1, or scores that are not finite.
    """
    groups, labels, scores = np.asarray(groups), np.asarray(labels, np.float64), np.asarray(scores, np.float64)
    check(groups, labels, scores)
    order = np.lexsort((-scores, groups))
    groups, labels, scores = groups[order], labels[order], scores[order]
    new_list = np.r_[True, groups[1:] != groups[:-1]]
    new_tie = new_list | np.r_[True, scores[1:] != scores[:-1]]
    list_start, tie_start = np.flatnonzero(new_list), np.flatnonzero(new_tie)
    return Ranked(
        labels,
        list_start,
        np.diff(list_start, append=len(labels)),
        tie_start,
        np.diff(tie_start, append=len(labels)),
        (np.cumsum(new_list) - 1)[tie_start],
    )


def check(groups: Array, labels: Array, scores: Array) -> None:
    """Raise `CascadeError` when the arrays cannot be ranked."""
    if not len(groups) == len(labels) == len(scores):
        raise CascadeError(
            f"groups, labels and scores have {len(groups)}, {len(labels)} and {len(scores)} rows",
            "Pass one group, label and score per row.",
        )
    if not len(groups):
        raise CascadeError("there are no rows to measure", "Choose days on which the data has impressions.")
    if not np.isin(labels, (0, 1)).all():
        raise CascadeError("labels hold values other than 0 and 1", "Leave out rows whose label is unknown.")
    bad = np.flatnonzero(~np.isfinite(scores))
    if len(bad):
        raise CascadeError(
            f"{len(bad)} of {len(scores)} scores are not finite, the first is {scores[bad[0]]} at row {bad[0]}",
            "Check the model: a score must be a number.",
        )


def sums(values: F64, starts: I64) -> F64:
    """Sum of `values` from each start to the next."""
    total: F64 = np.add.reduceat(values, starts)
    return total
