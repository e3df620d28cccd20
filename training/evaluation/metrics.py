"""Exact ranking metrics over many lists at once.

Every function takes flat arrays of N rows. `groups` i64[N] names the list a row belongs to (any integers, any
order), `labels` [N] is 0 or 1, `scores` [N] is finite. Tied scores have no order, so a metric is its expected value
over all orders of the ties (McSherry and Najork, "Computing information retrieval performance measures efficiently
in the presence of tied scores", ECIR 2008): the order of the rows, which is often the order of time, cannot leak
into it, and a scorer that cannot tell a list's rows apart gets exactly what a random one gets on average.
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


def auc_by_list(ranked: Ranked) -> F64:
    """Area under the ROC curve of each list, f64[L]; NaN where a list lacks positives or negatives."""
    positives = ranked.tie_positives
    negatives = ranked.tie_length - positives
    first_tie = np.searchsorted(ranked.tie_start, ranked.list_start)
    list_negatives = ranked.list_length - ranked.positives
    passed = np.cumsum(negatives) - negatives
    above = passed - passed[first_tie][ranked.tie_list]
    won = sums(positives * (list_negatives[ranked.tie_list] - above - negatives / 2), first_tie)
    pairs = ranked.positives * list_negatives
    areas: F64 = np.divide(won, pairs, out=np.full(len(pairs), np.nan), where=pairs > 0)
    return areas


def auc(labels: Array, scores: Array) -> float:
    """Area under the ROC curve over all rows; NaN when all labels are equal."""
    return float(auc_by_list(rank(np.zeros(len(labels), np.int64), labels, scores))[0])


def gauc(groups: Array, labels: Array, scores: Array) -> float:
    """Mean AUC of the lists that have positives and negatives, weighted by their positives; NaN when none has.

    Zhu et al., "Optimized cost per click in Taobao display advertising", KDD 2017, weighted by positives.
    """
    ranked = rank(groups, labels, scores)
    by_list = auc_by_list(ranked)
    mixed = ~np.isnan(by_list)
    return float(np.average(by_list[mixed], weights=ranked.positives[mixed])) if mixed.any() else float("nan")


def ndcg(groups: Array, labels: Array, scores: Array, k: int) -> float:
    """nDCG of the first `k`, gains 0 and 1, averaged over all lists; a list without positives counts as 0.

    Järvelin and Kekäläinen, "Cumulated gain-based evaluation of IR techniques", 2002.
    """
    ranked = rank(groups, labels, scores)
    longest = int(ranked.list_length.max())
    discounts = np.zeros(longest + 1)
    top = min(k, longest)
    discounts[1 : top + 1] = 1 / np.log2(np.arange(2, top + 2))
    discounted = np.cumsum(discounts)  # of the first i positions
    first = ranked.tie_rank
    gains = ranked.tie_positives / ranked.tie_length * (discounted[first + ranked.tie_length] - discounted[first])
    dcg = sums(gains, np.searchsorted(ranked.tie_start, ranked.list_start))
    ideal = discounted[ranked.positives.astype(np.int64)]
    return float(np.divide(dcg, ideal, out=np.zeros(len(dcg)), where=ideal > 0).mean())


def recall(groups: Array, labels: Array, scores: Array, k: int) -> float:
    """Share of a list's positives among its first `k`, averaged over the lists with a positive; NaN when none has."""
    ranked = rank(groups, labels, scores)
    inside = np.clip(k - ranked.tie_rank, 0, ranked.tie_length) / ranked.tie_length
    hits = sums(ranked.tie_positives * inside, np.searchsorted(ranked.tie_start, ranked.list_start))
    positives = ranked.positives
    return float((hits[positives > 0] / positives[positives > 0]).mean()) if positives.any() else float("nan")


def log_loss(labels: Array, probabilities: Array) -> float:
    """Mean negative log likelihood of the labels, in nats. Probabilities are clipped to [1e-7, 1 - 1e-7]."""
    labels, chances = np.asarray(labels, np.float64), np.asarray(probabilities, np.float64)
    check(labels, labels, chances)
    chances = np.clip(chances, 1e-7, 1 - 1e-7)
    return float(-np.mean(labels * np.log(chances) + (1 - labels) * np.log1p(-chances)))
