"""Training examples: logged impressions with the features that were known before their day began."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from kernels.assembly import WIDTH, assemble
from kernels.columns import DAY_MS, F32, I64, ContextColumns
from training.features.log import Log
from training.features.snapshot import posts_at, users_at

#: Called after each finished day with the number of days done and of all days.
Progress = Callable[[int, int], None]


def features_of(log: Log, rows: I64, snapshot_ms: int, history: Log | None = None) -> F32:
    """Features float32[len(rows), F] of logged impressions, from what happened before `snapshot_ms`.

    `history`: the log that state is computed from, where it is not `log` itself but one that ends earlier.
    """
    seen, history = log.impressions, log if history is None else history
    users, user = np.unique(seen.user[rows], return_inverse=True)
    contexts = ContextColumns(
        user=user.astype(np.int32),
        time_ms=seen.time_ms[rows],
        utc_offset_ms=np.full(len(rows), log.utc_offset_ms, np.int64),
        **{name: codes[rows] for name, codes in seen.context.items()},
    )
    x = np.empty((len(rows), WIDTH), np.float32)
    state, posts = users_at(history, snapshot_ms, users), posts_at(history, snapshot_ms)
    assemble(state, contexts, posts, np.arange(len(rows) + 1), seen.post[rows], x)
    return x


def examples_table(log: Log, rows: I64, snapshot_ms: int, history: Log | None = None) -> pa.Table:
    """Examples of the impressions `rows` as they looked at `snapshot_ms`, one row each in the given order."""
    seen = log.impressions
    x = features_of(log, rows, snapshot_ms, history)
    return pa.table(
        {
            "user_id": log.users.ids[seen.user[rows]],
            "post_id": log.posts.ids[seen.post[rows]],
            "user_row": seen.user[rows],
            "post_row": seen.post[rows],
            "time_ms": seen.time_ms[rows],
            "day": (seen.time_ms[rows] + log.utc_offset_ms) // DAY_MS,
            "position": seen.position[rows],
            "x": pa.FixedSizeListArray.from_arrays(pa.array(x.reshape(-1)), WIDTH),
            "actions": seen.actions[rows],
            "known": seen.known[rows],
            "watch_s": seen.watch_s[rows],
        }
    )


def build_examples(log: Log, folder: Path, days: range, lag_days: int = 0, progress: Progress | None = None) -> None:
    """Write `folder/<yyyymmdd>.parquet` for each local day with impressions.

    Features are those at the start of the day, or `lag_days` earlier: a model that will be asked about days
    without fresh data should learn from examples that lack it too.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for done, (day, rows) in enumerate(_rows_by_day(log, days), start=1):
        if len(rows):
            examples = examples_table(log, rows, log.day_start_ms(day - lag_days))
            pq.write_table(examples, folder / f"{day_name(day)}.parquet", compression="zstd")
        if progress is not None:
            progress(done, len(days))


def _rows_by_day(log: Log, days: range) -> Iterator[tuple[int, I64]]:
    for day in days:
        rows = log.rows_between(log.day_start_ms(day), log.day_start_ms(day + 1))
        yield day, np.arange(rows.start, rows.stop)


def day_name(day: int) -> str:
    """A local day number as yyyymmdd."""
    return datetime.fromtimestamp(day * 86_400, UTC).strftime("%Y%m%d")


def day_number(name: str) -> int:
    """Local day number of yyyymmdd. Raises ValueError for a string that is no date."""
    return int(datetime.strptime(name, "%Y%m%d").replace(tzinfo=UTC).timestamp()) // 86_400
