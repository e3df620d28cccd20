"""Ranking what users were shown on held-out days: GAUC and nDCG@5 of long views, as the public KuaiRand-Pure protocol.

Two protocols. `frozen`: lists are users, and every feature of every test row uses only what happened up to the end of
training, so that no feature of a list moves with the list's own labels. `daily`: lists are (user, day), features use
what happened before that day began; `frozen` on the same lists stands beside it.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from cluster.errors import CascadeError
from kernels.actions import BIT
from kernels.columns import F32, I64
from kernels.features import INDEX
from training.data.dataset import DataSet
from training.evaluation.heads import head_report
from training.evaluation.oracle import LOGGED, oracles
from training.evaluation.quality import Measurement, measure
from training.evaluation.ranked import Array
from training.evaluation.segments import segments
from training.evaluation.split import Split
from training.features.examples import day_number, features_of
from training.features.log import Log
from training.models.ranker import RankerModel

Protocol = Literal["frozen", "daily"]
LABEL = "long_view"


@dataclass(frozen=True, slots=True)
class RankingResult:
    overall: Measurement  # of the model, and of what it is held against, over the rows with a label
    heads: dict[str, dict[str, dict[str, float]]]  # scorer -> head -> figures, of the model and the truth
    segments: dict[str, Measurement]
    predictions: pa.Table  # user_id, post_id, time_ms, score of every test row, in time order


def evaluate_ranking(
    dataset: DataSet, split: Split, protocol: Protocol, model: RankerModel, by_segment: bool = False
) -> RankingResult:
    """Score the test rows with a model that was trained up to `split.train_until`.

    Beside it: `popularity` (the post's smoothed share of long views, by the same features), `random` (its
    expectation), `oracle` (the labels themselves), and in a synthetic world the oracles that know its truth. Rows
    without a label are scored, but not measured. `by_segment`: measure `training.evaluation.segments` too.
    Raises CascadeError when the model has no head for long views, or no row has the label.
    """
    if LABEL not in model.heads:
        raise CascadeError(
            f"the ranker has no head for {LABEL}, only {list(model.heads)}",
            f"ranking is measured by {LABEL}: the training days need impressions with and without it",
        )
    log = Log.load(dataset)
    rows = split.test_rows(log)
    x = frozen_features(dataset, log, split, rows)
    heads = predictions_of(model, log, rows, x)
    scores: dict[str, Array] = {"model": heads[LABEL]}
    if protocol == "daily":
        x = _daily_features(dataset, log, rows)
        heads = predictions_of(model, log, rows, x)
        scores = {"model": heads[LABEL], "model, frozen features": scores["model"]}
    scores["popularity"] = x[:, INDEX[f"post_{LABEL}_rate_28d"]]
    truth = oracles(dataset, log, rows)
    scores |= {name: known[LABEL] for name, known in truth.items()}
    overall, parts = _measured(log, split, rows, protocol, scores, by_segment)
    predictors = {"model": heads} | ({LOGGED: truth[LOGGED]} if truth else {})
    return RankingResult(
        overall=overall,
        heads={
            name: head_report(log, rows, {head: known[head] for head in model.heads})
            for name, known in predictors.items()
        },
        segments=parts,
        predictions=pa.table(
            {
                "user_id": log.users.ids[log.impressions.user[rows]],
                "post_id": log.posts.ids[log.impressions.post[rows]],
                "time_ms": log.impressions.time_ms[rows],
                "score": scores["model"],
            }
        ),
    )


def _measured(
    log: Log, split: Split, rows: I64, protocol: Protocol, scores: dict[str, Array], by_segment: bool
) -> tuple[Measurement, dict[str, Measurement]]:
    """The measurement of all rows that have a label, and of each segment of them."""
    seen = log.impressions
    known: NDArray[np.bool_] = seen.known[rows] & BIT[LABEL] != 0
    if not known.any():
        raise CascadeError(f"no test row says whether {LABEL} followed", "import impressions with that column")
    labels = (seen.actions[rows] & BIT[LABEL] != 0).astype(np.float64)
    users = seen.user[rows].astype(np.int64)
    lists = users * 100_000_000 + seen.date[rows] if protocol == "daily" else users
    everything = {**scores, "random": np.zeros(len(rows)), "oracle": labels}  # ties count as their expectation

    def of(some: NDArray[np.bool_]) -> Measurement:
        some = some & known
        return measure(lists[some], labels[some], {name: of[some] for name, of in everything.items()}, users[some])

    parts = segments(log, rows, split.snapshot_ms(log)) if by_segment else {}
    return of(known), {name: of(part) for name, part in parts.items() if (known & part).any()}


def frozen_features(dataset: DataSet, log: Log, split: Split, rows: I64) -> F32:
    """Features [N, F] of impressions, from what was known at the end of training."""
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


def predictions_of(model: RankerModel, log: Log, rows: I64, x: F32) -> dict[str, F32]:
    """Each head's predictions of the rows. Every impression has a context of its own, so each is one request."""
    users, posts = log.impressions.user[rows].tolist(), log.impressions.post[rows].astype(np.int64)
    predictions = np.empty((len(rows), len(model.heads)), np.float32)
    for i in range(len(rows)):
        predictions[i] = model.predict(users[i], posts[i : i + 1], x[i : i + 1])[0]
    return {head: predictions[:, h] for h, head in enumerate(model.heads)}
