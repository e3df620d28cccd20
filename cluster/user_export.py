"""A user's packed state as people can read it."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Final

import numpy as np

from cluster.user_state import FEWER, UserState
from cluster.users import (
    AuthorAffinity,
    Counters,
    DayCounts,
    HiddenPost,
    PastImpression,
    Relations,
    SeenPost,
    TopicAffinity,
    UserExport,
    UserProfile,
)
from kernels.actions import ACTIONS, COUNTS
from kernels.columns import DAY_MS, DAYS, F32, HOUR_MS, I64
from kernels.decay import WINDOWS_MS

#: Author or topic of a place that nobody has taken.
_FREE: Final = -1
_EPOCH: Final = date(1970, 1, 1)


def export(user_id: int, state: UserState, topics: Mapping[int, str]) -> UserExport:
    """All of a state. `topics`: names of topics by `vocabulary.stable_id`. Raises ValueError for a damaged state."""
    return UserExport(
        user_id=user_id,
        profile=UserProfile(state.created_ms, state.followers, state.following, state.region),
        relations=relations(state),
        blocked_by=_ids(state.blocked_by_ids).tolist(),
        muted_by=_ids(state.muted_by_ids).tolist(),
        fewer=_fewer(state),
        history=_history(state),
        seen=_seen(state),
        counters=_counters(state),
        authors=[AuthorAffinity(*row) for row in _affinities(state.author, state.author_shown, state.author_engaged)],
        topics=[
            TopicAffinity(topic, topics.get(topic), shown, engaged)
            for topic, shown, engaged in _affinities(state.topic, state.topic_shown, state.topic_engaged)
        ],
    )


def relations(state: UserState) -> Relations:
    """The user's relations. Raises ValueError for a damaged state."""
    return Relations(
        follow=_ids(state.following_ids).tolist(),
        close_friend=_ids(state.close_ids).tolist(),
        block=_ids(state.blocked_ids).tolist(),
        mute=_ids(state.muted_ids).tolist(),
    )


def _fewer(state: UserState) -> list[HiddenPost]:
    fewer = np.frombuffer(state.fewer, FEWER).tolist()
    return [HiddenPost(post_id, author_id, time_s * 1000) for author_id, post_id, time_s in fewer]


def _history(state: UserState) -> list[PastImpression]:
    return [
        PastImpression(post_id, time_ms, [name for bit, name in enumerate(ACTIONS) if mask >> bit & 1], watch_s)
        for post_id, time_ms, mask, watch_s in state.events.tolist()
    ]


def _seen(state: UserState) -> list[SeenPost]:
    """The ring, oldest first: the next one to be written over is the oldest."""
    posts, times_s = _ids(state.seen_posts), np.frombuffer(state.seen_times, "<u4")
    times_ms = times_s.astype(np.int64) * 1000
    oldest = -state.seen_next
    return [
        SeenPost(*row) for row in zip(np.roll(posts, oldest).tolist(), np.roll(times_ms, oldest).tolist(), strict=True)
    ]


def _counters(state: UserState) -> Counters:
    decayed = _counts(state.counts).reshape(len(WINDOWS_MS), len(COUNTS))
    days = _counts(state.daily).reshape(DAYS, len(COUNTS))
    return Counters(
        decayed={_window(ms): _named(row) for ms, row in zip(WINDOWS_MS, decayed, strict=True)},
        time_ms=state.counted_ms,
        days=[
            DayCounts((_EPOCH + timedelta(days=state.last_day - age)).isoformat(), _named(row))
            for age, row in enumerate(days)
            if row.any()
        ],
        impressions_by_hour=_counts(state.hours).tolist(),
    )


def _affinities(ids: bytes, shown: bytes, engaged: bytes) -> list[tuple[int, float, float]]:
    """Id, shown and engaged of each place that is taken."""
    rows = zip(_ids(ids).tolist(), _counts(shown).tolist(), _counts(engaged).tolist(), strict=True)
    return [row for row in rows if row[0] != _FREE]


def _named(counts: F32) -> dict[str, float]:
    return {name: value for name, value in zip(COUNTS, counts.tolist(), strict=True) if value}


def _window(milliseconds: int) -> str:
    """A window by its length: 1h, 7d."""
    return f"{milliseconds // DAY_MS}d" if milliseconds >= DAY_MS else f"{milliseconds // HOUR_MS}h"


def _ids(packed: bytes) -> I64:
    ids: I64 = np.frombuffer(packed, "<i8")
    return ids


def _counts(packed: bytes) -> F32:
    counts: F32 = np.frombuffer(packed, "<f4")
    return counts
