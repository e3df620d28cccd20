"""Sequences for models of what a person sees next: stretches of each user's impressions, in time order."""

from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from kernels.columns import HISTORY
from training.features.log import Log

#: Sequences per Parquet file, so that several workers have something to share.
FILE_ROWS: Final = 8192


def sequences_table(log: Log) -> pa.Table:
    """One row per stretch of up to HISTORY impressions of a user, led by as many of those before it.

    user_row int32, post_row list<int32>, actions list<uint16>, time_ms list<int64>, all oldest first, and lead
    int32: how many of the leading impressions are history only. Every impression of the log is in exactly one
    stretch beyond its lead.
    """
    counts = np.diff(log.starts)
    stretches = -(-counts // HISTORY)
    user = np.repeat(np.arange(len(counts)), stretches)
    within = np.arange(len(user)) - np.repeat(np.cumsum(stretches) - stretches, stretches)
    begin = log.starts[user] + within * HISTORY
    end = np.minimum(begin + HISTORY, log.starts[user + 1])
    lead = np.where(within > 0, HISTORY, 0)
    lengths = end - begin + lead
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    rows = log.by_user[np.repeat(begin - lead - offsets[:-1], lengths) + np.arange(offsets[-1])]

    def lists(values: np.ndarray) -> pa.ListArray:
        return pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), pa.array(values[rows]))

    return pa.table(
        {
            "user_row": user.astype(np.int32),
            "post_row": lists(log.impressions.post),
            "actions": lists(log.impressions.actions),
            "time_ms": lists(log.impressions.time_ms),
            "lead": lead.astype(np.int32),
        }
    )


def held_out_users(users: int, share: float, seed: int) -> NDArray[np.bool_]:
    """Mask [users] of those whom models do not learn from; the first ones are the same for any number of users."""
    held: NDArray[np.bool_] = np.random.default_rng(seed).random(users) < share
    return held


def build_sequences(log: Log, folder: Path) -> list[Path]:
    """Write the sequences of `log` as Parquet files into `folder`; returns them in order."""
    folder.mkdir(parents=True, exist_ok=True)
    table = sequences_table(log)
    files = []
    for begin in range(0, table.num_rows, FILE_ROWS):
        files.append(folder / f"{begin // FILE_ROWS:05d}.parquet")
        pq.write_table(table.slice(begin, FILE_ROWS), files[-1], compression="zstd")
    return files
