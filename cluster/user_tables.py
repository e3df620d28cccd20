"""Between the packed states of users and the columns in which kernels fold events into them."""

from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np

from cluster.user_state import EVENT, UserState
from kernels.columns import UserColumns
from kernels.fold import SeenPosts, empty_seen, empty_users

#: Fields that a state and the columns have in common, each one user's row of the column as bytes.
_ROWS: Final = (
    "daily",
    "hours",
    "counts",
    "author",
    "author_shown",
    "author_engaged",
    "topic",
    "topic_shown",
    "topic_engaged",
)
_HISTORY: Final = (
    ("post_id", "history_post"),
    ("time_ms", "history_time_ms"),
    ("actions", "history_actions"),
    ("watch_s", "history_watch_s"),
)


def load_states(states: Sequence[UserState]) -> tuple[UserColumns, SeenPosts]:
    """Columns of U states, with public ids for rows and room for full histories, that may be changed in place."""
    users, seen = empty_users(len(states)), empty_seen(len(states))
    for u, state in enumerate(states):
        users.last_day[u], users.counted_ms[u] = state.last_day, state.counted_ms
        for name in _ROWS:
            row = getattr(users, name)[u]
            if packed := getattr(state, name):
                row[...] = np.frombuffer(packed, row.dtype).reshape(row.shape)
        events, begin = state.events, users.history_begin[u]
        users.history_end[u] = begin + len(events)
        for field, column in _HISTORY:
            getattr(users, column)[begin : begin + len(events)] = events[field]
        used = len(state.seen_times) // 4
        seen.post[u, :used] = np.frombuffer(state.seen_posts, np.int64)
        seen.time_s[u, :used] = np.frombuffer(state.seen_times, np.uint32)
        seen.next[u] = state.seen_next
    return users, seen


def dump_state(state: UserState, users: UserColumns, seen: SeenPosts, u: int) -> UserState:
    """`state` with all that events change taken from row `u` of the columns."""
    begin, end = users.history_begin[u], users.history_end[u]
    events = np.empty(end - begin, EVENT)
    for field, column in _HISTORY:
        events[field] = getattr(users, column)[begin:end]
    used = np.count_nonzero(seen.time_s[u])
    return msgspec.structs.replace(
        state,
        last_day=int(users.last_day[u]),
        counted_ms=int(users.counted_ms[u]),
        history=events.tobytes(),
        seen_posts=seen.post[u, :used].tobytes(),
        seen_times=seen.time_s[u, :used].tobytes(),
        seen_next=int(seen.next[u]),
        **{name: getattr(users, name)[u].tobytes() for name in _ROWS},
    )
