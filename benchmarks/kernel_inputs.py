"""Random columns as large as serving sees them: long histories, many follows, a table beyond the caches."""

import numpy as np

from kernels.actions import ACTIONS, COUNTS
from kernels.columns import (
    AUTHORS,
    CONTENT_DIM,
    DAY_MS,
    DAYS,
    HOUR_MS,
    NEVER,
    TOPICS,
    ContextColumns,
    PostColumns,
    UserColumns,
)
from kernels.decay import WINDOWS_MS

NOW_MS = 1_700_000_000_000


def _f32(values: np.ndarray) -> np.ndarray:
    return values.astype(np.float32)


def random_posts(rng: np.random.Generator, posts: int, authors: int) -> PostColumns:
    return PostColumns(
        created_ms=NOW_MS - rng.integers(0, 40 * DAY_MS, posts),
        author=rng.integers(0, authors, posts, np.int32),
        kind=rng.integers(0, 7, posts, np.int16),
        topic=rng.integers(0, 200, posts, np.int16),
        region=rng.integers(0, 30, posts, np.int16),
        duration_s=_f32(rng.exponential(30, posts)),
        caption_length=_f32(rng.integers(0, 200, posts)),
        hashtags=_f32(rng.integers(0, 5, posts)),
        has_location=_f32(rng.integers(0, 2, posts)),
        content=rng.normal(0, CONTENT_DIM**-0.5, (posts, CONTENT_DIM)).astype(np.float32),
        counts=_f32(rng.exponential(50, (posts, len(WINDOWS_MS), len(COUNTS)))),
        counted_ms=NOW_MS - rng.integers(0, DAY_MS, posts),
        author_counts=_f32(rng.exponential(500, (authors, len(WINDOWS_MS), len(COUNTS)))),
        author_counted_ms=NOW_MS - rng.integers(0, DAY_MS, authors),
        author_posts=_f32(rng.integers(1, 50, authors)),
        prior=rng.random(len(COUNTS), np.float32),
    )


def random_users(rng: np.random.Generator, users: int, history: int, follows: int, posts: PostColumns) -> UserColumns:
    """Users who each have `history` events and follow `follows` authors."""
    events, authors = users * history, len(posts.author_posts)
    times = np.sort(NOW_MS - rng.integers(0, 28 * DAY_MS, (users, history)), axis=1)
    followed = [np.sort(rng.choice(authors, follows, replace=False)) for _ in range(users)]
    return UserColumns(
        account_created_ms=NOW_MS - rng.integers(0, 900 * DAY_MS, users),
        followers=_f32(rng.integers(0, 1000, users)),
        following=_f32(rng.integers(0, 1000, users)),
        region=rng.integers(0, 30, users, np.int16),
        daily=_f32(rng.exponential(3, (users, DAYS, len(COUNTS)))),
        last_day=np.full(users, NOW_MS // DAY_MS, np.int32),
        hours=_f32(rng.integers(0, 9, (users, 24))),
        counts=_f32(rng.exponential(3, (users, len(WINDOWS_MS), len(COUNTS)))),
        counted_ms=np.full(users, NOW_MS),
        history_begin=np.arange(users) * history,
        history_end=np.arange(1, users + 1) * history,
        history_post=rng.integers(0, len(posts.author), events),
        history_time_ms=times.ravel(),
        history_actions=rng.integers(0, 1 << len(ACTIONS), events, np.uint16),
        history_watch_s=_f32(rng.exponential(9, events)),
        author=rng.integers(0, authors, (users, AUTHORS)),
        author_shown=_f32(rng.exponential(3, (users, AUTHORS))),
        author_engaged=_f32(rng.exponential(3, (users, AUTHORS))),
        topic=rng.integers(0, 200, (users, TOPICS)),
        topic_shown=_f32(rng.exponential(3, (users, TOPICS))),
        topic_engaged=_f32(rng.exponential(3, (users, TOPICS))),
        follow_begin=np.arange(users) * follows,
        follow_end=np.arange(1, users + 1) * follows,
        follow_author=np.concatenate(followed).astype(np.int32),
        follow_since_ms=np.zeros(users * follows, np.int64),
        follow_close_ms=np.where(rng.random(users * follows) < 0.1, 0, NEVER),
    )


def random_context(rng: np.random.Generator, user: int) -> ContextColumns:
    """One request of `user`."""

    def code() -> np.ndarray:
        return rng.integers(0, 5, 1, np.int16)

    now = NOW_MS + rng.integers(0, HOUR_MS, 1)
    return ContextColumns(
        user=np.array([user], np.int32),
        time_ms=now,
        known_ms=now,
        utc_offset_ms=rng.integers(-12, 13, 1) * HOUR_MS,
        surface=code(),
        device=code(),
        connection=code(),
        app_version=code(),
        region=code(),
    )
