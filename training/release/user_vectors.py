"""Vectors of users as serving makes them, from what the log says of them up to a moment."""

from typing import Final

import numpy as np

from kernels.columns import F32, HISTORY, HOUR_MS, I64
from training.features.log import Log
from training.models.two_tower import UserTower

#: Users whose vectors stand for those of all.
SAMPLE: Final = 500


def user_vectors(log: Log, tower: UserTower, users: I64, cuts: I64, now_ms: I64) -> F32:
    """Unit vectors float32[N, D], 0 where the model knows none of the history.

    Args:
        users: [N] rows.
        cuts: [N] places in `log.by_user`, behind what is known of each user.
        now_ms: [N] when each of them asks.
    """
    seen, vectors = log.impressions, []
    for begin, cut, now in zip(log.starts[users].tolist(), cuts.tolist(), now_ms.tolist(), strict=True):
        rows = log.by_user[max(begin, cut - HISTORY) : cut]
        hours = ((now - seen.time_ms[rows]) / HOUR_MS).astype(np.float32)
        vectors.append(tower.encode(seen.post[rows].astype(np.int64), seen.actions[rows], hours))
    return np.stack(vectors)


def some_user_vectors(log: Log, tower: UserTower, now_ms: int) -> F32:
    """Those of up to SAMPLE users who have one at `now_ms`, the end of the log; evenly spread over all users."""
    active = np.flatnonzero(np.diff(log.starts))
    some = np.unique(active[np.linspace(0, len(active) - 1, SAMPLE).astype(np.int64)])
    vectors = user_vectors(log, tower, some, log.starts[some + 1], np.full(len(some), now_ms))
    known: F32 = vectors[vectors.any(axis=1)]
    return known
