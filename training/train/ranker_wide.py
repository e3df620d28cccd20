"""The step that fits the wide part of the ranker to its examples."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from training.models.ranker import WATCH
from training.models.wide import wide_codes, wide_columns, wide_sizes
from training.train.ranker_learner import RankerTraining
from training.train.ranker_losses import PositionBias, look_chance
from training.train.ranker_rows import COLUMNS, heads_of, labels_of, slots
from training.train.run import Parquet, read_batches
from training.train.steps import Metrics, Step
from training.train.wide import WidePart, WideRows, WideShape, WideTraining, fit_wide, fold_of

#: Rows read at a time.
_READ = 1 << 16


@dataclass(frozen=True, slots=True)
class WideConfig:
    """What of the ranker's training the wide part depends on: searches that change anything else share one fit."""

    how: WideTraining
    position_bias: PositionBias
    examination_decay: float

    @classmethod
    def of(cls, ranker: RankerTraining) -> "WideConfig":
        return cls(ranker.wide, ranker.position_bias, ranker.examination_decay)


def train_wide(
    step: Step, examples: Sequence[Path], users: int, posts: int, tell: Callable[[int, int], None]
) -> Metrics:
    """Fit the wide part to all files of `examples` but the last, which is held out, and write it into `step.folder`.

    The step's config is a WideConfig; the rest is as of `fitted`.
    """
    wide = fitted(examples[:-1], users, posts, step.config, tell)
    wide.save(step.folder)
    return {"tables": {name: list(table.shape) for name, table in wide.named_buffers()}}


def fitted(
    examples: Sequence[Path], users: int, posts: int, config: WideConfig, tell: Callable[[int, int], None] | None = None
) -> WidePart:
    """The wide part of all heads that the files of `examples` can teach."""
    user, post, position, actions, known_actions, watch_s, columns = _read(examples)
    heads, sizes = heads_of(actions, known_actions, watch_s), wide_sizes(columns)
    user, post, position = user + np.int64(1), post + np.int64(1), slots(position)
    labels, known = labels_of(actions, known_actions, watch_s, heads)
    is_watch = [name == WATCH for name in heads]
    if config.position_bias == "ipw":
        looked = look_chance(torch.from_numpy(position), config.examination_decay).numpy()
        labels = np.where(is_watch, labels, labels / looked[:, None]).astype(np.float32)
    rows = WideRows(user, post, wide_codes(columns, sizes), position, fold_of(user, post))
    return fit_wide(rows, labels, known, is_watch, config.how, WideShape(users, posts, sizes), tell)


def _read(files: Sequence[Path]) -> tuple[NDArray[Any], ...]:
    """COLUMNS of all rows, of x what the wide part reads."""
    parts = [
        (*(columns[name] for name in COLUMNS if name != "x"), wide_columns(columns["x"]))
        for columns in read_batches(Parquet(files, COLUMNS), _READ)
    ]
    return tuple(np.concatenate(part) for part in zip(*parts, strict=True))
