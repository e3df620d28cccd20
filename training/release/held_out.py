"""What a release is worth on the last day of its data: rows that no model was trained on, kept in the release.

A list is what one person was shown on that day, and every feature is as it was when the first of it was shown, as if
all of it had been one feed that was asked for then: no feature of a list moves with the list's own labels. The same
rows tell later whether another release ranks them better.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from kernels.actions import ACTIONS, BIT
from kernels.columns import F32, I64, U16
from kernels.features import INDEX
from training.evaluation.calibration import calibration_ratio, expected_calibration_error
from training.evaluation.quality import measure as measure_quality
from training.features.examples import day_name, examples_table
from training.features.history import History, contexts_of
from training.features.log import Log
from training.models.ranker import WATCH, RankerModel

FILE: Final = "held_out.parquet"
#: Rows kept, about: lists of a person are kept whole.
ROWS: Final = 20_000
#: What lists are ranked by, if the data has it; else the next one.
LABELS: Final = ("long_view", "like", "click", *ACTIONS)


@dataclass(frozen=True, slots=True)
class HeldOut:
    """N rows; rows of users and posts are those of the release that holds them."""

    user_id: I64  # [N] whose list it is; the rows of a list follow each other
    post_id: I64  # [N]
    x: F32  # [N, F]
    actions: U16  # [N]
    known: U16  # [N]

    @classmethod
    def load(cls, folder: Path) -> "HeldOut":
        """Read what a release holds."""
        return cls.of(pq.read_table(folder / FILE))

    @classmethod
    def of(cls, table: pa.Table) -> "HeldOut":
        """From what `held_out_table` makes."""
        x = table["x"].combine_chunks().flatten().to_numpy().reshape(table.num_rows, -1)
        columns = {name: table[name].to_numpy() for name in ("user_id", "post_id", "actions", "known")}
        return cls(x=x, **columns)

    def labelled(self, label: str) -> NDArray[np.bool_]:
        """Mask [N] of the rows of which is known whether `label` followed."""
        mask: NDArray[np.bool_] = self.known & BIT[label] != 0
        return mask

    def labels(self, label: str) -> NDArray[np.float64]:
        """1 where it followed, float64[N]."""
        labels: NDArray[np.float64] = (self.actions & BIT[label] != 0).astype(np.float64)
        return labels


def held_out_table(log: Log, history: History) -> pa.Table:
    """The last day of `log`; `history` is moved on to it, and must not be past its beginning."""
    day = log.day(int(log.impressions.time_ms[-1]))
    rows, opening = _lists(log, log.day_start_ms(day))
    x = history.features_before(contexts_of(log, opening, log.impressions.user[rows]), log.impressions.post[rows])
    return examples_table(log, rows, x)


def _lists(log: Log, since_ms: int) -> tuple[I64, I64]:
    """Impressions since a moment, of as many users as fit, and the first one of each one's user; in order of that.

    Posts that were not there at that first moment are left out.
    """
    at = log.by_user[log.impressions.time_ms[log.by_user] >= since_ms]
    user = log.impressions.user[at]
    first, length = np.unique(user, return_index=True, return_counts=True)[1:]
    opening = np.repeat(at[first], length)
    opened_ms = log.impressions.time_ms[opening]
    kept = np.isin(user, _some_users(user)) & (log.posts.created_ms[log.impressions.post[at]] <= opened_ms)
    order = np.flatnonzero(kept)[np.argsort(opened_ms[kept], kind="stable")]
    return at[order], opening[order]


def _some_users(user: NDArray[np.int32]) -> NDArray[np.int32]:
    """Users drawn at random, up to ROWS rows of theirs."""
    users, rows = np.unique(user, return_counts=True)
    order = np.random.default_rng(0).permutation(len(users))
    return users[order[: max(1, int(np.searchsorted(np.cumsum(rows[order]), ROWS, side="right")))]]


def predict(model: RankerModel, held: HeldOut, users: I64, posts: I64, x: F32) -> F32:
    """Predictions float32[N, H]; each list is one request. `users` and `posts` [N] are rows of the model's, `x` is
    `held.x` in its codes.
    """
    cuts = np.flatnonzero(np.diff(held.user_id)) + 1
    requests = zip(np.split(users, cuts), np.split(posts, cuts), np.split(x, cuts), strict=True)
    each = [model.predict(int(user[0]), rows, some) for user, rows, some in requests if len(rows)]
    return np.concatenate([np.zeros((0, len(model.heads)), np.float32), *each])


def measure(held: HeldOut, day: str, heads: tuple[str, ...], predictions: F32) -> dict[str, Any]:
    """What a manifest says: quality by the label and beside baselines, calibration of each head."""
    label = label_of(heads)
    report: dict[str, Any] = {
        "day": day,
        "rows": len(held.user_id),
        "users": len(np.unique(held.user_id)),
        "label": label,
        "calibration": {
            name: _calibration(held, name, predictions[:, h]) for h, name in enumerate(heads) if name != WATCH
        },
    }
    if label is not None and held.labelled(label).any():
        rows, labels = held.labelled(label), held.labels(label)
        scores: dict[str, NDArray[Any]] = {"model": predictions[:, heads.index(label)], "random": np.zeros(len(labels))}
        if f"post_{label}_rate_28d" in INDEX:
            scores["popularity"] = held.x[:, INDEX[f"post_{label}_rate_28d"]]
        scores = {name: score[rows] for name, score in scores.items()}
        measured = measure_quality(held.user_id[rows], labels[rows], scores, held.user_id[rows])
        told = {name: {metric: each.value for metric, each in of.items()} for name, of in measured.quality.items()}
        # Lists without both kinds of rows tell nothing.
        report["quality"] = {name: of for name, of in told.items() if np.isfinite(of["primary"])}
    return report


def label_of(heads: Iterable[str]) -> str | None:
    """The head that quality is told by; None where none of them is a probability."""
    there = set(heads)
    return next((name for name in LABELS if name in there), None)


def _calibration(held: HeldOut, head: str, chances: F32) -> dict[str, float]:
    rows = held.labelled(head)
    labels = held.labels(head)[rows]
    if not len(labels):
        return {"rows": 0, "positives": 0}
    return {
        "rows": len(labels),
        "positives": int(labels.sum()),
        "predicted": float(chances[rows].sum()),
        "ratio": calibration_ratio(labels, chances[rows]),
        "ece": expected_calibration_error(labels, chances[rows]),
    }


def last_day(log: Log) -> str:
    """The held-out day as yyyymmdd."""
    return day_name(log.day(int(log.impressions.time_ms[-1])))
