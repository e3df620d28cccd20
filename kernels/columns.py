"""The struct-of-arrays that kernels read: users, posts and request contexts.

Posts, authors and users are dense row numbers here; public ids exist only at the edges. Letters in shapes:
U users, P posts, A authors, R requests, C candidates (of all requests together), N = len(COUNTS),
E = CONTENT_DIM. A NamedTuple of arrays costs nothing to build from a release or a user blob and can be passed to
Numba as it is.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

I64 = NDArray[np.int64]
I32 = NDArray[np.int32]
I16 = NDArray[np.int16]
U16 = NDArray[np.uint16]
F32 = NDArray[np.float32]

#: Width of a post's content embedding.
CONTENT_DIM: Final = 32
#: Days of daily engagement counters kept for a user.
DAYS: Final = 28
DAY_MS: Final = 86_400_000
HOUR_MS: Final = 3_600_000


class UserColumns(NamedTuple):
    """State of U users at one moment. Offsets are CSR: user u's entries are `[offsets[u], offsets[u + 1])`."""

    account_created_ms: I64  # [U]; 0 = unknown
    followers: F32  # [U]
    following: F32  # [U]
    region: I16  # [U] region code; 0 = unknown
    daily: F32  # [U, DAYS, N]; counts of local day `last_day - d`, newest first
    last_day: I32  # [U] local day number of daily[:, 0]
    hours: F32  # [U, 24] impressions by local hour, all time
    history_offsets: I64  # [U + 1]
    history_post: I32  # [H] post rows, oldest first; -1 = no longer in the post table
    history_time_ms: I64  # [H]
    history_actions: U16  # [H] action masks; 0 = shown, nothing done
    history_watch_s: F32  # [H]
    follow_offsets: I64  # [U + 1]
    follow_author: I32  # [G] author rows, ascending within a user
    follow_close: NDArray[np.bool_]  # [G] true = close friend


class PostColumns(NamedTuple):
    """The post table with its engagement counters at one moment."""

    created_ms: I64  # [P]
    author: I32  # [P] author rows
    kind: I16  # [P] content type code
    topic: I16  # [P] topic code; 0 = unknown
    region: I16  # [P] region code; 0 = unknown
    duration_s: F32  # [P]
    caption_length: F32  # [P]
    hashtags: F32  # [P]
    has_location: F32  # [P] 0 or 1
    content: F32  # [P, E] unit length, or zero where unknown
    week: F32  # [P, N] counts of the last 7 days
    month: F32  # [P, N] counts of the last 28 days
    author_month: F32  # [A, N]
    author_posts: F32  # [A] posts published before this moment
    prior: F32  # [N] mean count per impression over all posts; smooths the rates of posts with little data


class ContextColumns(NamedTuple):
    """Where and when each of R requests happens. Codes: 0 = unknown."""

    user: I32  # [R] row into UserColumns
    time_ms: I64  # [R] Unix milliseconds
    utc_offset_ms: I64  # [R] of local time, for hours and days
    surface: I16  # [R]
    device: I16  # [R]
    connection: I16  # [R]
    app_version: I16  # [R]
    region: I16  # [R]
