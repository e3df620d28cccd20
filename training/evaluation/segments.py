"""Parts of the test rows that are worth a look of their own: kinds of users, and kinds and ages of posts."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from cluster.segments import ACTIVE_FROM, NEW_BELOW
from kernels.columns import DAY_MS, I64
from training.data.schema import KINDS
from training.features.log import Log

#: Days up to which a post is fresh, and recent.
FRESH_DAYS: Final = 1
RECENT_DAYS: Final = 7


def segments(log: Log, rows: I64, snapshot_ms: int) -> dict[str, NDArray[np.bool_]]:
    """Masks [len(rows)] of the segments that have any of the impressions `rows`; users are as at `snapshot_ms`."""
    seen = log.impressions
    before = seen.user[log.rows_between(0, snapshot_ms)]
    history = np.bincount(before, minlength=len(log.users.ids))[seen.user[rows]]
    post = seen.post[rows]
    created_ms, kind = log.posts.created_ms[post], log.posts.kind[post]
    age_days = (seen.time_ms[rows] - created_ms) / DAY_MS
    masks = {
        f"new users (under {NEW_BELOW} impressions)": history < NEW_BELOW,
        "other users": (history >= NEW_BELOW) & (history < ACTIVE_FROM),
        f"active users ({ACTIVE_FROM} impressions or more)": history >= ACTIVE_FROM,
        **{f"kind {name}": kind == code for code, name in enumerate(KINDS, start=1)},
        "posts of the last day": (created_ms > 0) & (age_days < FRESH_DAYS),
        "posts of the last week": (created_ms > 0) & (age_days >= FRESH_DAYS) & (age_days < RECENT_DAYS),
        "older posts": (created_ms > 0) & (age_days >= RECENT_DAYS),
    }
    return {name: mask for name, mask in masks.items() if mask.any()}
