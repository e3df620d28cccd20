"""What training of the ranker begins with: a survey of its rows, and the wide part."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow.dataset as ds
import torch
from numpy.typing import NDArray

from kernels.columns import F32
from training.models.inputs import Inputs
from training.models.ranker import WATCH
from training.models.wide import wide_codes, wide_columns, wide_sizes
from training.train.ranker_learner import RankerTraining
from training.train.ranker_losses import look_chance
from training.train.ranker_rows import COLUMNS, heads_of, labels_of, slots
from training.train.run import to_numpy
from training.train.wide import HELD_OUT, WidePart, WideRows, WideShape, fit_wide, fold_of

#: Rows read at a time.
_READ = 1 << 16


class Survey(NamedTuple):
    """What one pass over the N training rows finds out."""

    inputs: Inputs
    heads: tuple[str, ...]
    users: NDArray[np.bool_]  # [U] whether a row names the user
    posts: NDArray[np.bool_]  # [P]
    seen: tuple[NDArray[Any], ...]  # [N] each: COLUMNS, of x what the wide part reads

    @property
    def sizes(self) -> tuple[int, ...]:
        """Of the wide part's codes."""
        return wide_sizes(self.seen[-1])


def survey_of(files: Sequence[Path], users: int, posts: int) -> Survey:
    """Fit the inputs and find the heads, users and posts that the examples in `files` cover."""
    parts: list[tuple[NDArray[Any], ...]] = []

    def features() -> Iterator[F32]:
        for batch in ds.dataset([str(file) for file in files]).to_batches(columns=list(COLUMNS), batch_size=_READ):
            columns = {name: to_numpy(batch[name]) for name in COLUMNS}
            parts.append(_seen(columns))
            yield columns["x"]

    inputs = Inputs.fit(features())
    seen = tuple(np.concatenate(part) for part in zip(*parts, strict=True))
    seen_users, seen_posts = np.zeros(users, np.bool_), np.zeros(posts, np.bool_)
    seen_users[seen[0]], seen_posts[seen[1]] = True, True
    return Survey(inputs, heads_of(*seen[3:6]), seen_users, seen_posts, seen)


def _seen(columns: dict[str, Any]) -> tuple[NDArray[Any], ...]:
    return (*(columns[name] for name in COLUMNS if name != "x"), wide_columns(columns["x"]))


def wide_part(survey: Survey, valid: Path, how: RankerTraining) -> WidePart:
    """The wide part, fitted on the training rows, and on those of the day `valid` too."""
    table = ds.dataset(str(valid)).to_table(columns=list(COLUMNS))
    held_out = _seen({name: to_numpy(table[name]) for name in COLUMNS})
    pairs = zip(survey.seen, held_out, strict=True)
    user, post, position, actions, known_actions, watch_s, columns = (np.concatenate(pair) for pair in pairs)
    user, post, position = user + np.int64(1), post + np.int64(1), slots(position)
    fold = fold_of(user, post)
    fold[len(survey.seen[0]) :] = HELD_OUT
    rows = WideRows(user, post, wide_codes(columns, survey.sizes), position, fold)
    labels, known = labels_of(actions, known_actions, watch_s, survey.heads)
    is_watch = [name == WATCH for name in survey.heads]
    if how.position_bias == "ipw":
        looked = look_chance(torch.from_numpy(position), how.examination_decay).numpy()
        labels = np.where(is_watch, labels, labels / looked[:, None]).astype(np.float32)
    shape = WideShape(len(survey.users), len(survey.posts), survey.sizes)
    return fit_wide(rows, labels, known, is_watch, how.wide, shape)
