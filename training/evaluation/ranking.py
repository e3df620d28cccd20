"""Ranking what users were shown on held-out days: GAUC and nDCG@5 of long views, as the public KuaiRand-Pure protocol.

Two protocols. `frozen`: lists are users, and every feature of every test row uses only what happened up to the end of
training, so that no feature of a list moves with the list's own labels. `daily`: lists are (user, day), features use
what happened before that day began; `frozen` on the same lists stands beside it.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa

from cluster.errors import CascadeError
from kernels.actions import BIT
from kernels.columns import F32, I64
from kernels.features import INDEX
from training.data.dataset import DataSet
from training.evaluation.metrics import Array, gauc, ndcg
from training.evaluation.split import Split
from training.features.examples import day_number, features_of
from training.features.log import Log
from training.models.ranker import RankerModel

Protocol = Literal["frozen", "daily"]
LABEL = "long_view"
#: Depth of nDCG.
K = 5


@dataclass(frozen=True, slots=True)
class Quality:
    """`primary` is the mean of the two."""

    gauc: float
    ndcg: float

    @property
    def primary(self) -> float:
        return (self.gauc + self.ndcg) / 2

    @classmethod
    def of(cls, lists: Array, labels: Array, scores: Array) -> "Quality":
        return cls(gauc(lists, labels, scores), ndcg(lists, labels, scores, K))

    def as_dict(self) -> dict[str, float]:
        return {"primary": self.primary, "gauc": self.gauc, f"ndcg@{K}": self.ndcg}


@dataclass(frozen=True, slots=True)
class RankingResult:
    rows: int  # with a label
    users: int
    lists: int
    quality: dict[str, Quality]  # of the model, and of what it is held against
    predictions: pa.Table  # user_id, post_id, time_ms, score of every test row, in time order


def evaluate_ranking(dataset: DataSet, split: Split, protocol: Protocol, model: RankerModel) -> RankingResult:
    """Score the test rows with a model that was trained up to `split.train_until`.

    Beside it: `popularity` (the post's smoothed share of long views, by the same features), `random` (its
    expectation) and `oracle` (the labels themselves). Rows without a label are scored, but not measured.
    Raises CascadeError when the model has no head for long views, or no row has the label.
    """
    if LABEL not in model.heads:
        raise CascadeError(
            f"the ranker has no head for {LABEL}, only {list(model.heads)}",
            f"ranking is measured by {LABEL}: the training days need impressions with and without it",
        )
    log = Log.load(dataset)
    rows = split.test_rows(log)
    x = _frozen_features(dataset, log, split, rows)
    scores: dict[str, Array] = {"model": _scores(model, log, rows, x)}
    if protocol == "daily":
        scores["model, frozen features"] = scores["model"]
        x = _daily_features(dataset, log, rows)
        scores["model"] = _scores(model, log, rows, x)
    scores["popularity"] = x[:, INDEX[f"post_{LABEL}_rate_28d"]]
    return _measured(log, rows, protocol, scores)


def _measured(log: Log, rows: I64, protocol: Protocol, scores: dict[str, Array]) -> RankingResult:
    seen = log.impressions
    known = seen.known[rows] & BIT[LABEL] != 0
    if not known.any():
        raise CascadeError(f"no test row says whether {LABEL} followed", "import impressions with that column")
    labels = (seen.actions[rows] & BIT[LABEL] != 0).astype(np.float64)
    lists = seen.user[rows].astype(np.int64)
    if protocol == "daily":
        lists = lists * 100_000_000 + seen.date[rows]
    everything = {**scores, "random": np.zeros(len(rows)), "oracle": labels}  # ties count as their expectation
    return RankingResult(
        rows=int(known.sum()),
        users=len(np.unique(seen.user[rows][known])),
        lists=len(np.unique(lists[known])),
        quality={name: Quality.of(lists[known], labels[known], score[known]) for name, score in everything.items()},
        predictions=pa.table(
            {
                "user_id": log.users.ids[seen.user[rows]],
                "post_id": log.posts.ids[seen.post[rows]],
                "time_ms": seen.time_ms[rows],
                "score": scores["model"],
            }
        ),
    )


def _frozen_features(dataset: DataSet, log: Log, split: Split, rows: I64) -> F32:
    # A log of its own, so that what comes later cannot be looked at by accident.
    return features_of(log, rows, split.snapshot_ms(log), Log.load(dataset, split.train_until))


def _daily_features(dataset: DataSet, log: Log, rows: I64) -> F32:
    dates = log.impressions.date
    features = np.empty((len(rows), len(INDEX)), np.float32)
    for date in np.unique(dates[rows]).tolist():
        today = dates[rows] == date
        before = Log.load(dataset, date - 1)  # as numbers, yyyymmdd: no day lies between date - 1 and date
        features[today] = features_of(log, rows[today], log.day_start_ms(day_number(str(date))), before)
    return features


def _scores(model: RankerModel, log: Log, rows: I64, x: F32) -> F32:
    """The head's prediction of each row. Every impression has a context of its own, so each is one request."""
    head = model.heads.index(LABEL)
    users, posts = log.impressions.user[rows].tolist(), log.impressions.post[rows].astype(np.int64)
    predictions = (model.predict(users[i], posts[i : i + 1], x[i : i + 1])[0, head] for i in range(len(rows)))
    return np.fromiter(predictions, np.float32, len(rows))
