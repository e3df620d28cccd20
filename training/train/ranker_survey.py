"""One pass over the rows that the ranker is trained on, before training."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from kernels.columns import F32
from training.models.inputs import Inputs
from training.train.ranker_rows import COLUMNS, heads_of
from training.train.run import Parquet, read_batches

#: Rows read at a time.
_READ = 1 << 16


class Survey(NamedTuple):
    """What the pass finds out."""

    inputs: Inputs
    heads: tuple[str, ...]
    users: NDArray[np.bool_]  # [U] whether a row names the user
    posts: NDArray[np.bool_]  # [P]


def survey_of(files: Sequence[Path], users: int, posts: int) -> Survey:
    """Fit the inputs and find the heads, users and posts that the examples in `files` cover."""
    seen_users, seen_posts = np.zeros(users, np.bool_), np.zeros(posts, np.bool_)
    labels: list[tuple[NDArray[Any], ...]] = []

    def features() -> Iterator[F32]:
        for columns in read_batches(Parquet(files, COLUMNS), _READ):
            seen_users[columns["user_row"]] = True
            seen_posts[columns["post_row"]] = True
            labels.append((columns["actions"], columns["known"], columns["watch_s"]))
            yield columns["x"]

    inputs = Inputs.fit(features())
    heads = heads_of(*(np.concatenate(part) for part in zip(*labels, strict=True)))
    return Survey(inputs, heads, seen_users, seen_posts)
