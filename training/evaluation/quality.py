"""How good scorers are at ordering the same lists, and how sure that is."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np

from training.evaluation.bootstrap import Interval, difference, resample
from training.evaluation.metrics import (
    ByList,
    auc_by_list,
    gauc_by_list,
    ndcg_by_list,
    precision_by_list,
    recall_by_list,
)
from training.evaluation.ranked import F64, Array, rank

#: Depth of the nDCG in `primary`, and the depths that are measured.
K: Final = 5
DEPTHS: Final = (5, 10)

#: Metric -> its value and interval; `primary`, the mean of GAUC and nDCG@5, comes first.
Quality: TypeAlias = dict[str, Interval]


@dataclass(frozen=True, slots=True)
class Measurement:
    rows: int
    users: int
    lists: int
    quality: dict[str, Quality]  # by scorer
    ahead: dict[str, Interval]  # by scorer: how much more the first scorer's `primary` is than its


def draws_of(lists: Array, labels: Array, scores: Mapping[str, Array], users: Array) -> dict[str, dict[str, F64]]:
    """Paired draws (`training.evaluation.bootstrap`) of each scorer's metrics on the same lists: scorer -> metric.

    Args:
        lists: i64[N] the list of each row.
        labels: [N] 0 or 1.
        scores: [N] of each scorer.
        users: i64[N] whose list it is; the lists of a user are drawn together.
    """
    owners = np.asarray(users, np.int64)[np.unique(lists, return_index=True)[1]]
    metrics: dict[tuple[str, str], ByList] = {}
    for scorer, values in scores.items():
        for metric, by_list in _by_list(lists, labels, values).items():
            metrics[scorer, metric] = by_list.grouped(owners)
    drawn = resample(metrics)
    draws: dict[str, dict[str, F64]] = {}
    for scorer in scores:
        of_scorer = {metric: values for (name, metric), values in drawn.items() if name == scorer}
        primary = (of_scorer["gauc"] + of_scorer[f"ndcg@{K}"]) / 2
        draws[scorer] = {"primary": primary, **of_scorer}
    return draws


def measure(lists: Array, labels: Array, scores: Mapping[str, Array], users: Array) -> Measurement:
    """The metrics of each scorer with their intervals; arguments as in `draws_of`."""
    draws = draws_of(lists, labels, scores, users)
    first, *others = draws
    return Measurement(
        rows=len(labels),
        users=len(np.unique(users)),
        lists=len(np.unique(lists)),
        quality={name: {m: Interval.of(values) for m, values in of.items()} for name, of in draws.items()},
        ahead={name: difference(draws[first]["primary"], draws[name]["primary"]) for name in others},
    )


def primary(lists: Array, labels: Array, scores: Array) -> float:
    """The metric that comes first, by itself; NaN when no list has labels of both kinds."""
    ranked = rank(lists, labels, scores)
    return (gauc_by_list(ranked).value + ndcg_by_list(ranked, K).value) / 2


def _by_list(lists: Array, labels: Array, scores: Array) -> dict[str, ByList]:
    ranked = rank(lists, labels, scores)
    return {
        "gauc": gauc_by_list(ranked),
        **{f"ndcg@{k}": ndcg_by_list(ranked, k) for k in DEPTHS},
        "auc": auc_by_list(lists, labels, scores),
        **{f"precision@{k}": precision_by_list(ranked, k) for k in DEPTHS},
        **{f"recall@{k}": recall_by_list(ranked, k) for k in DEPTHS},
    }
