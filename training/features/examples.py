"""Training examples: logged impressions with the features that were known when they happened, or earlier."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from kernels.assembly import WIDTH
from kernels.columns import DAY_MS, F32, I64
from training.features.history import History, contexts_of, history_at
from training.features.log import Log

#: Called after each finished day with the number of days done and of all days.
Progress = Callable[[int, int], None]
#: What the features of an example know: all that happened before it, or all before its day began.
Freshness = Literal["live", "day"]


@dataclass(frozen=True, slots=True)
class ExampleDays:
    """Which days become examples. The features of the first days know too little history to teach anything.

    `freshness`: what the features of examples know; `live` is what serving will ask with.
    """

    warm_up_days: int = 2
    #: The last so many days, today's last one included; state is folded from all days in any case.
    window_days: int = 30
    freshness: Freshness = "live"

    def of(self, log: Log) -> range:
        """The local days of `log` that become examples; there may be none."""
        times = log.impressions.time_ms
        end = log.day(int(times[-1])) + 1
        return range(max(log.day(int(times[0])) + self.warm_up_days, end - self.window_days), end)


def features_of(log: Log, rows: I64, snapshot_ms: int, history: Log | None = None) -> F32:
    """Features float32[len(rows), F] of logged impressions, from what happened before `snapshot_ms`.

    `history`: the log that state is computed from, where it is not `log` itself but one that ends earlier.
    """
    state = history_at(log if history is None else history, snapshot_ms)
    return state.features(contexts_of(log, rows, log.impressions.user[rows]), log.impressions.post[rows])


def examples_table(log: Log, rows: I64, x: F32) -> pa.Table:
    """Examples of the impressions `rows` with their features `x` [len(rows), F], one row each in the given order."""
    seen = log.impressions
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


def build_examples(log: Log, folder: Path, days: range, freshness: Freshness, progress: Progress | None = None) -> None:
    """Write `folder/<yyyymmdd>.parquet` for each local day with impressions.

    A model that will be asked with live state should learn from live features, one that will be asked about days
    without fresh data from examples that lack it too.
    """
    folder.mkdir(parents=True, exist_ok=True)
    history = History(log)
    for done, (day, rows) in enumerate(_rows_by_day(log, days), start=1):
        if rows.stop > rows.start:
            at = np.arange(rows.start, rows.stop)
            if freshness == "live":
                x = history.live_features(rows)
            else:
                history.advance(log.day_start_ms(day))
                x = history.features(contexts_of(log, at, log.impressions.user[at]), log.impressions.post[at])
            pq.write_table(examples_table(log, at, x), folder / f"{day_name(day)}.parquet", compression="zstd")
        if progress is not None:
            progress(done, len(days))


def _rows_by_day(log: Log, days: range) -> Iterator[tuple[int, slice]]:
    for day in days:
        yield day, log.rows_between(log.day_start_ms(day), log.day_start_ms(day + 1))


def day_name(day: int) -> str:
    """A local day number as yyyymmdd."""
    return datetime.fromtimestamp(day * 86_400, UTC).strftime("%Y%m%d")


def day_number(name: str) -> int:
    """Local day number of yyyymmdd. Raises ValueError for a string that is no date."""
    return int(datetime.strptime(name, "%Y%m%d").replace(tzinfo=UTC).timestamp()) // 86_400
