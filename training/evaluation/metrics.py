"""Exact ranking metrics over many lists at once; what tied scores count is told in `training.evaluation.ranked`.

A metric is first a pair of numbers per list, whose sums make its value: that is all an interval needs to know
(`training.evaluation.bootstrap`). Beside it is the value itself, of flat `groups`, `labels` and `scores`.
"""

from typing import NamedTuple

import numpy as np

from training.evaluation.ranked import F64, I64, Array, Ranked, check, rank, sums

__all__ = ["Array", "ByList", "auc", "gauc", "log_loss", "ndcg", "precision", "recall"]

#: Probabilities are clipped to [this, 1 - this] before their logarithm is taken.
_CERTAIN = 1e-7


class ByList(NamedTuple):
    """A metric of L lists: sum of `total` over sum of `weight`. A list that does not count has 0 in both."""

    total: Array  # [L]
    weight: Array  # [L]

    @property
    def value(self) -> float:
        """NaN when no list counts."""
        weight = self.weight.sum()
        return float(self.total.sum() / weight) if weight else float("nan")

    @classmethod
    def mean(cls, values: F64) -> "ByList":
        """The mean of `values` [L], but for those that are NaN."""
        known = ~np.isnan(values)
        return cls(np.where(known, values, 0.0), known.astype(np.float64))

    def grouped(self, owner: I64) -> "ByList":
        """The same metric by owner i64[L] of the lists, ascending: lists of one user do not err independently."""
        at = np.unique(owner, return_inverse=True)[1]
        return ByList(np.bincount(at, self.total), np.bincount(at, self.weight))


def auc_of_lists(ranked: Ranked) -> F64:
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


def gauc_by_list(ranked: Ranked) -> ByList:
    """Mean AUC of the lists that have positives and negatives, weighted by their positives.

    Zhu et al., "Optimized cost per click in Taobao display advertising", KDD 2017, weighted by positives.
    """
    areas = auc_of_lists(ranked)
    weight = np.where(np.isnan(areas), 0.0, ranked.positives)
    return ByList(np.nan_to_num(areas) * weight, weight)


def ndcg_by_list(ranked: Ranked, k: int) -> ByList:
    """nDCG of the first `k`, gains 0 and 1, averaged over all lists; a list without positives counts as 0.

    Järvelin and Kekäläinen, "Cumulated gain-based evaluation of IR techniques", 2002.
    """
    longest = int(ranked.list_length.max())
    discounts = np.zeros(longest + 1)
    top = min(k, longest)
    discounts[1 : top + 1] = 1 / np.log2(np.arange(2, top + 2))
    discounted = np.cumsum(discounts)  # of the first i positions
    first = ranked.tie_rank
    gains = ranked.tie_positives / ranked.tie_length * (discounted[first + ranked.tie_length] - discounted[first])
    dcg = sums(gains, np.searchsorted(ranked.tie_start, ranked.list_start))
    ideal = discounted[ranked.positives.astype(np.int64)]
    return ByList(np.divide(dcg, ideal, out=np.zeros(len(dcg)), where=ideal > 0), np.ones(len(dcg)))


def precision_by_list(ranked: Ranked, k: int) -> ByList:
    """Share of positives among the first `k`, averaged over all lists; a shorter list is filled up with negatives.

    Manning, Raghavan and Schütze, "Introduction to Information Retrieval", 2008, chapter 8.
    """
    hits = _hits(ranked, k)
    return ByList(hits / k, np.ones(len(hits)))


def recall_by_list(ranked: Ranked, k: int) -> ByList:
    """Share of a list's positives among its first `k`, averaged over the lists with a positive.

    Manning, Raghavan and Schütze, "Introduction to Information Retrieval", 2008, chapter 8.
    """
    positives, hits = ranked.positives, _hits(ranked, k)
    shares = np.divide(hits, positives, out=np.zeros(len(hits)), where=positives > 0)
    return ByList(shares, (positives > 0).astype(np.float64))


def auc_by_list(groups: Array, labels: Array, scores: Array) -> ByList:
    """AUC over the rows of all lists, as a mean of one pseudo-value per list; NaN when all labels are equal.

    A list's pseudo-value is the AUC plus what a little more weight on that list would change of it, times the number
    of lists: to first order, a mean over resampled lists is the AUC of their rows (Obuchowski, "Nonparametric
    analysis of clustered ROC curve data", Biometrics 1997).
    """
    groups, labels, scores = np.asarray(groups), np.asarray(labels, np.float64), np.asarray(scores, np.float64)
    check(groups, labels, scores)
    at, tie = np.unique(groups, return_inverse=True)[1], np.unique(-scores, return_inverse=True)[1]
    lists, pairs = int(at.max()) + 1, labels.sum() * (len(labels) - labels.sum())
    if not pairs:
        return ByList(np.full(lists, np.nan), np.ones(lists))
    positives, negatives = np.bincount(tie, labels), np.bincount(tie, 1 - labels)
    # Of each tie: the share of negatives that its positives beat, and of positives that beat its negatives.
    won = 1 - (np.cumsum(negatives) - negatives / 2) / negatives.sum()
    lost = (np.cumsum(positives) - positives / 2) / positives.sum()
    area = float((positives * won).sum() / positives.sum())
    rows = np.where(labels == 1, (won[tie] - area) / positives.sum(), (lost[tie] - area) / negatives.sum())
    return ByList(area + lists * np.bincount(at, rows), np.ones(lists))


def log_loss_by_list(groups: Array, labels: Array, probabilities: Array) -> ByList:
    """Mean negative log likelihood of the labels, in nats. Probabilities are clipped to [1e-7, 1 - 1e-7]."""
    groups, labels, chances = np.asarray(groups), np.asarray(labels, np.float64), np.asarray(probabilities, np.float64)
    check(groups, labels, chances)
    chances = np.clip(chances, _CERTAIN, 1 - _CERTAIN)
    losses = -(labels * np.log(chances) + (1 - labels) * np.log1p(-chances))
    at = np.unique(groups, return_inverse=True)[1]
    return ByList(np.bincount(at, losses), np.bincount(at))


def auc(labels: Array, scores: Array) -> float:
    """Area under the ROC curve over all rows; NaN when all labels are equal."""
    return float(auc_of_lists(rank(np.zeros(len(labels), np.int64), labels, scores))[0])


def gauc(groups: Array, labels: Array, scores: Array) -> float:
    """`gauc_by_list` over all lists; NaN when none has positives and negatives."""
    return gauc_by_list(rank(groups, labels, scores)).value


def ndcg(groups: Array, labels: Array, scores: Array, k: int) -> float:
    """`ndcg_by_list` over all lists."""
    return ndcg_by_list(rank(groups, labels, scores), k).value


def precision(groups: Array, labels: Array, scores: Array, k: int) -> float:
    """`precision_by_list` over all lists."""
    return precision_by_list(rank(groups, labels, scores), k).value


def recall(groups: Array, labels: Array, scores: Array, k: int) -> float:
    """`recall_by_list` over all lists; NaN when none has a positive."""
    return recall_by_list(rank(groups, labels, scores), k).value


def log_loss(labels: Array, probabilities: Array) -> float:
    """`log_loss_by_list` over all rows."""
    return log_loss_by_list(np.zeros(len(labels), np.int64), labels, probabilities).value


def _hits(ranked: Ranked, k: int) -> F64:
    """Positives among the first `k` of each list, [L]."""
    inside = np.clip(k - ranked.tie_rank, 0, ranked.tie_length) / ranked.tie_length
    return sums(ranked.tie_positives * inside, np.searchsorted(ranked.tie_start, ranked.list_start))
