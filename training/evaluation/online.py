"""What learning online is worth: held-out days in the order in which they happened, with it and without."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from cluster.errors import CascadeError
from kernels.actions import ACTIONS, BIT
from kernels.columns import F32, I64
from training.data.dataset import DataSet
from training.data.progress import Progress
from training.evaluation.calibration import calibration_ratio, expected_calibration_error
from training.evaluation.metrics import auc, log_loss
from training.evaluation.ranked import Array
from training.evaluation.ranking import frozen_features, predictions_of
from training.evaluation.split import Split
from training.features.log import Log
from training.models.correction import to_logits, to_probabilities
from training.models.ranker import RankerModel
from training.online.learner import OnlineLearner, Verdict
from training.online.rows import Rows

#: Who did nothing for so long is taken to have done nothing.
ATTRIBUTION_MS: Final = 300_000


@dataclass(frozen=True, slots=True)
class OnlineResult:
    days: dict[int, dict[str, dict[str, dict[str, float]]]]  # date -> head -> frozen|online -> figures
    updates: int
    promoted: dict[str, int]  # by head
    returned: dict[str, int]


def evaluate_online(
    dataset: DataSet, split: Split, model: RankerModel, every_minutes: int, progress: Progress
) -> OnlineResult:
    """Replay the test rows through an online learner that updates every so many minutes.

    Each row is predicted with what was live when it was shown, and learned from once its time to act is over.
    Features are those of the end of training throughout, so the correction is all that learns. Heads are the
    ranker's probabilities of actions that the log knows of every row.
    """
    log = Log.load(dataset)
    rows = split.test_rows(log)
    seen = log.impressions
    known = [head for head in model.heads if head in ACTIONS and bool((seen.known[rows] & BIT[head] != 0).all())]
    if not known:
        raise CascadeError(
            f"no action of {list(model.heads)} is known of every impression from {split.first} to {split.last}",
            "choose days whose actions were all recorded",
        )
    predicted = predictions_of(model, log, rows, frozen_features(dataset, log, split, rows))
    told = Rows(
        log.posts.ids[seen.post[rows]],
        to_logits(np.stack([predicted[head] for head in known], 1)),
        np.stack([seen.actions[rows] & BIT[head] != 0 for head in known], 1).astype(np.float32),
    )
    learner = OnlineLearner(tuple(known))
    updates = _updates(seen.time_ms[rows], every_minutes * 60_000)
    online, verdicts = _replay(learner, told, updates, progress)
    dates = seen.date[rows]
    return OnlineResult(
        days={
            date: {
                head: {
                    name: _figures(told.labels[dates == date, h], to_probabilities(logits[dates == date, h]))
                    for name, logits in (("frozen", told.logits), ("online", online))
                }
                for h, head in enumerate(known)
            }
            for date in np.unique(dates).tolist()
        },
        updates=len(verdicts),
        promoted={head: sum(head in verdict.promoted for verdict in verdicts) for head in known},
        returned={head: sum(head in verdict.returned for verdict in verdicts) for head in known},
    )


def _replay(
    learner: OnlineLearner, told: Rows, updates: list[tuple[int, int, int]], progress: Progress
) -> tuple[F32, list[Verdict]]:
    """The logits [N, H] as they were live, and what each update said."""
    online = np.empty_like(told.logits)
    verdicts, learned = [], 0
    for number, (begin, end, ripe) in enumerate(updates):
        progress("replay", number, len(updates))
        if ripe > learned:
            verdicts.append(learner.learn(told.between(learned, ripe)))
            learned = ripe
        online[begin:end] = learner.live.logits(told.logits[begin:end], told.post_ids[begin:end])
    progress("replay", len(updates), len(updates))
    return online, verdicts


def _updates(time_ms: I64, every_ms: int) -> list[tuple[int, int, int]]:
    """(begin, end, ripe) of each update with rows: rows begin to end follow it, rows before `ripe` are known by then.

    `time_ms` ascends.
    """
    window = time_ms // every_ms
    begins = np.flatnonzero(np.r_[True, window[1:] != window[:-1]])
    ripe = np.searchsorted(time_ms, window[begins] * every_ms - ATTRIBUTION_MS)
    return list(zip(begins.tolist(), [*begins[1:].tolist(), len(time_ms)], ripe.tolist(), strict=True))


def _figures(labels: Array, predicted: Array) -> dict[str, float]:
    both = 0 < labels.sum() < len(labels)
    return {
        "rows": len(labels),
        "log_loss": log_loss(labels, predicted),
        "auc": auc(labels, predicted) if both else float("nan"),
        "ece": expected_calibration_error(labels, predicted),
        "calibration": calibration_ratio(labels, predicted),
    }
