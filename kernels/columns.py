"""The struct-of-arrays that kernels read: users, posts and request contexts.

Posts, authors and users are dense row numbers here; public ids exist only at the edges. Letters in shapes:
U users, P posts, A authors, R requests, C candidates (of all requests together), N = len(COUNTS), W = decayed windows
(`kernels.decay`), E = CONTENT_DIM. A NamedTuple of arrays costs nothing to build from a release or a user blob and can
be passed to Numba as it is.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

I64 = NDArray[np.int64]
I32 = NDArray[np.int32]
I16 = NDArray[np.int16]
U32 = NDArray[np.uint32]
U16 = NDArray[np.uint16]
F32 = NDArray[np.float32]

#: Width of a post's content embedding.
CONTENT_DIM: Final = 32
#: Days of daily engagement counters kept for a user: this week and the one before it.
DAYS: Final = 14
#: Impressions kept in a user's history.
HISTORY: Final = 128
#: Authors, and topics, whose weight with a user is kept.
AUTHORS: Final = 32
TOPICS: Final = 16
DAY_MS: Final = 86_400_000
HOUR_MS: Final = 3_600_000
#: A time of what has not happened.
NEVER: Final = 2**63 - 1


class UserColumns(NamedTuple):
    """State of U users at one moment. User u's entries of a list are `[begin[u], end[u])`."""

    account_created_ms: I64  # [U]; 0 = unknown
    followers: F32  # [U]
    following: F32  # [U]
    region: I16  # [U] region code; 0 = unknown
    daily: F32  # [U, DAYS, N]; counts of local day `last_day - d`, newest first
    last_day: I32  # [U] local day number of daily[:, 0]
    hours: F32  # [U, 24] impressions by local hour, all time
    counts: F32  # [U, W, N] decayed counters
    counted_ms: I64  # [U] reference time of all that decays; 0 = nothing counted yet
    history_begin: I64  # [U]
    history_end: I64  # [U]
    history_post: I64  # [H] post rows, oldest first; -1 = no longer in the post table
    history_time_ms: I64  # [H]
    history_actions: U16  # [H] action masks; 0 = shown, nothing done
    history_watch_s: F32  # [H]
    author: I64  # [U, AUTHORS] author rows, in no order; -1 = unknown, or no author
    author_shown: F32  # [U, AUTHORS] impressions of theirs, decayed over a day
    author_engaged: F32  # [U, AUTHORS] positive actions, decayed over 28 days
    topic: I64  # [U, TOPICS] topic codes, likewise
    topic_shown: F32  # [U, TOPICS]
    topic_engaged: F32  # [U, TOPICS]
    follow_begin: I64  # [U]
    follow_end: I64  # [U]
    follow_author: I32  # [G] author rows, ascending within a user
    follow_since_ms: I64  # [G]
    follow_close_ms: I64  # [G] since when a close friend; NEVER = none


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
    counts: F32  # [P, W, N] decayed counters
    counted_ms: I64  # [P] their reference time
    author_counts: F32  # [A, W, N] the same of all posts of an author
    author_counted_ms: I64  # [A]
    author_posts: F32  # [A] posts published before this moment
    prior: F32  # [N] mean count per impression over all posts; smooths the rates of posts with little data


class ContextColumns(NamedTuple):
    """Where and when each of R requests happens. Codes: 0 = unknown."""

    user: I32  # [R] row into UserColumns
    time_ms: I64  # [R] Unix milliseconds
    known_ms: I64  # [R] up to when state is known: what decays does so until then. When serving, time_ms
    utc_offset_ms: I64  # [R] of local time, for hours and days
    surface: I16  # [R]
    device: I16  # [R]
    connection: I16  # [R]
    app_version: I16  # [R]
    region: I16  # [R]
