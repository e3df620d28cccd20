"""A small random data set for tests of the offline features."""

from pathlib import Path

import numpy as np
import pyarrow as pa

from kernels.columns import DAY_MS
from training.data.dataset import DataSet, write_dataset

START = 1_699_920_000_000  # a local midnight at UTC+8: 2023-11-14
DAYS = 40


def tables(seed: int = 0, users: int = 12, posts: int = 30, impressions: int = 1500) -> dict[str, pa.Table]:
    rng = np.random.default_rng(seed)
    times = np.sort(START - 8 * 3_600_000 + rng.integers(0, DAYS * DAY_MS, impressions))

    def maybe(values: np.ndarray) -> pa.Array:
        return pa.array(values, mask=rng.random(len(values)) < 0.2)

    return {
        "posts": pa.table(
            {
                "post_id": 1000 + np.arange(posts),
                "author_id": rng.integers(500, 508, posts),
                "created_ms": START + rng.integers(-20 * DAY_MS, 20 * DAY_MS, posts),
                "kind": rng.choice(["video", "photo"], posts),
                "topic": rng.choice(["cats", "cars", "food"], posts),
                "duration_ms": maybe(rng.integers(1000, 60_000, posts)),
            }
        ),
        "users": pa.table(
            {"user_id": 100 + 3 * np.arange(users), "created_ms": maybe(rng.integers(10**12, START, users))}
        ),
        "impressions": pa.table(
            {
                "user_id": 100 + 3 * rng.integers(0, users, impressions),
                "post_id": 1000 + rng.integers(0, posts, impressions),
                "time_ms": times,
                "watch_ms": maybe(rng.integers(0, 90_000, impressions)),
                "like": maybe(rng.random(impressions) < 0.3),
                "long_view": rng.random(impressions) < 0.4,
                "hide": rng.random(impressions) < 0.1,
                "device": rng.choice(["ios", "android"], impressions),
            }
        ),
        "follows": pa.table(
            {
                "user_id": 100 + 3 * rng.integers(0, users, 60),
                "author_id": rng.integers(500, 510, 60),
                "time_ms": START + rng.integers(0, DAYS * DAY_MS, 60),
                "kind": rng.choice(["follow", "close_friend", "block", "mute"], 60),
            }
        ),
    }


def small_dataset(folder: Path, **changes: pa.Table) -> DataSet:
    return write_dataset(folder, "small", tables() | changes, utc_offset_minutes=480, source={})
