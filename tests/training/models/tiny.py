"""Small tables of examples with a known truth, for the tests of models and their training."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from kernels.actions import BIT
from kernels.features import INDEX, NAMES
from training.train.wide import FOLDS, WidePart

USERS, POSTS = 40, 30
#: Sizes of the wide part's codes: those of `features`, and lengths.
SIZES = (3, 72, 5, 18)


def features(rng: np.random.Generator, rows: int) -> np.ndarray:
    """X[rows, F]: a few features vary, the others stay 0."""
    x = np.zeros((rows, len(NAMES)), np.float32)
    x[:, INDEX["user_impressions_7d"]] = rng.integers(0, 2000, rows)
    x[:, INDEX["post_long_view_rate_28d"]] = rng.random(rows)
    x[:, INDEX["post_topic"]] = rng.integers(0, 5, rows)
    x[:, INDEX["surface"]] = rng.integers(0, 3, rows)
    x[:, INDEX["author_seen"]] = rng.poisson(1.0, rows)
    return x


def examples(rng: np.random.Generator, rows: int) -> pa.Table:
    """Long views depend on the post's rate, its row and the surface; likes are unknown in half of the rows."""
    x = features(rng, rows)
    user, post = rng.integers(0, USERS - 1, rows), rng.integers(0, POSTS - 1, rows)  # the last of each never shows
    logit = 4 * x[:, INDEX["post_long_view_rate_28d"]] - 3 + (post % 3) - (x[:, INDEX["surface"]] == 2)
    long_view = rng.random(rows) < 1 / (1 + np.exp(-logit))
    like = rng.random(rows) < 0.1
    known_like = rng.random(rows) < 0.5
    watch_s = np.where(long_view, 30.0, 3.0) * rng.gamma(4.0, 0.25, rows)
    return pa.table(
        {
            "user_row": user.astype(np.int32),
            "post_row": post.astype(np.int32),
            "position": rng.integers(-1, 90, rows).astype(np.int16),
            "x": pa.FixedSizeListArray.from_arrays(pa.array(x.reshape(-1)), len(NAMES)),
            "actions": (long_view * BIT["long_view"] + (like & known_like) * BIT["like"]).astype(np.uint16),
            "known": (BIT["long_view"] + BIT["share"] + known_like * BIT["like"]).astype(np.uint16),
            "watch_s": np.where(rng.random(rows) < 0.8, watch_s, np.nan).astype(np.float32),
        }
    )


def drawn_wide(rng: np.random.Generator, users: int, posts: int, heads: int) -> WidePart:
    """A wide part whose weights are drawn."""
    rows = (users + 1, posts + 1, 1 + sum(SIZES))
    user, post, codes = (rng.normal(0, 0.3, (FOLDS + 1, count, heads)).astype(np.float32) for count in rows)
    return WidePart(user, post, codes, SIZES)


def write_days(folder: Path, days: int = 3, rows: int = 600, seed: int = 0) -> list[Path]:
    """One file of examples a day, oldest first."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    files = [folder / f"202401{day + 1:02d}.parquet" for day in range(days)]
    for file in files:
        pq.write_table(examples(rng, rows), file)
    return files
