"""Random but valid columns for kernel tests."""

import numpy as np

from kernels.actions import ACTIONS, COUNTS
from kernels.columns import AUTHORS, CONTENT_DIM, DAY_MS, DAYS, NEVER, TOPICS, ContextColumns, PostColumns, UserColumns
from kernels.decay import WINDOWS_MS

NOW = 1_700_000_000_000


def _offsets(rng: np.random.Generator, n: int, most: int) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(rng.integers(0, most + 1, n))]).astype(np.int64)


def _counted(rng: np.random.Generator, n: int) -> np.ndarray:
    """Reference times of counters: never, lately, and a moment ahead."""
    return np.where(rng.random(n) < 0.2, 0, NOW - rng.integers(-1000, 3 * DAY_MS, n))


def random_posts(rng: np.random.Generator, posts: int, authors: int) -> PostColumns:
    content = rng.normal(size=(posts, CONTENT_DIM)).astype(np.float32)
    return PostColumns(
        created_ms=NOW - rng.integers(-DAY_MS, 40 * DAY_MS, posts),
        author=rng.integers(0, authors, posts).astype(np.int32),
        kind=rng.integers(0, 7, posts).astype(np.int16),
        topic=rng.integers(0, 5, posts).astype(np.int16),
        region=rng.integers(0, 3, posts).astype(np.int16),
        duration_s=rng.exponential(30, posts).astype(np.float32),
        caption_length=rng.integers(0, 200, posts).astype(np.float32),
        hashtags=rng.integers(0, 5, posts).astype(np.float32),
        has_location=rng.integers(0, 2, posts).astype(np.float32),
        content=content,
        counts=rng.exponential(20, (posts, len(WINDOWS_MS), len(COUNTS))).astype(np.float32),
        counted_ms=_counted(rng, posts),
        author_counts=rng.exponential(50, (authors, len(WINDOWS_MS), len(COUNTS))).astype(np.float32),
        author_counted_ms=_counted(rng, authors),
        author_posts=rng.integers(0, 50, authors).astype(np.float32),
        prior=rng.random(len(COUNTS)).astype(np.float32),
    )


def random_users(rng: np.random.Generator, users: int, posts: int, authors: int) -> UserColumns:
    history = _offsets(rng, users, 20)
    follows = _offsets(rng, users, min(5, authors))
    events, edges = int(history[-1]), int(follows[-1])
    times = NOW - rng.integers(-1000, 3 * DAY_MS, events)
    recent = rng.random(events) < 0.5
    times[recent] = NOW - rng.integers(0, 3_600_000, recent.sum())
    for u in range(users):
        times[history[u] : history[u + 1]].sort()
    authors_followed = [np.sort(rng.choice(authors, follows[u + 1] - follows[u], replace=False)) for u in range(users)]
    return UserColumns(
        account_created_ms=np.where(rng.random(users) < 0.3, 0, NOW - rng.integers(0, 900 * DAY_MS, users)),
        followers=rng.integers(0, 1000, users).astype(np.float32),
        following=rng.integers(0, 1000, users).astype(np.float32),
        region=rng.integers(0, 3, users).astype(np.int16),
        daily=rng.exponential(3, (users, DAYS, len(COUNTS))).astype(np.float32),
        last_day=(NOW // DAY_MS + rng.integers(-40, 2, users)).astype(np.int32),
        hours=(rng.integers(0, 9, (users, 24)) * (rng.random((users, 1)) < 0.8)).astype(np.float32),
        counts=rng.exponential(3, (users, len(WINDOWS_MS), len(COUNTS))).astype(np.float32),
        counted_ms=_counted(rng, users),
        history_begin=history[:-1],
        history_end=history[1:],
        history_post=rng.integers(-1, posts, events),
        history_time_ms=times,
        history_actions=(rng.integers(0, 1 << len(ACTIONS), events) * (rng.random(events) < 0.5)).astype(np.uint16),
        history_watch_s=rng.exponential(9, events).astype(np.float32),
        author=np.stack([rng.permutation(2 * AUTHORS)[:AUTHORS] - AUTHORS // 2 for _ in range(users)]),
        author_shown=rng.exponential(3, (users, AUTHORS)).astype(np.float32),
        author_engaged=rng.exponential(3, (users, AUTHORS)).astype(np.float32),
        topic=np.stack([rng.permutation(2 * TOPICS)[:TOPICS] - TOPICS // 2 for _ in range(users)]),
        topic_shown=rng.exponential(3, (users, TOPICS)).astype(np.float32),
        topic_engaged=rng.exponential(3, (users, TOPICS)).astype(np.float32),
        follow_begin=follows[:-1],
        follow_end=follows[1:],
        follow_author=np.concatenate([np.zeros(0, np.int64), *authors_followed]).astype(np.int32),
        follow_since_ms=NOW - rng.integers(-DAY_MS, 30 * DAY_MS, edges),
        follow_close_ms=np.where(rng.random(edges) < 0.3, NOW - rng.integers(-DAY_MS, 30 * DAY_MS, edges), NEVER),
    )


def random_contexts(rng: np.random.Generator, requests: int, users: int) -> ContextColumns:
    times = NOW + rng.integers(-DAY_MS, DAY_MS, requests)
    return ContextColumns(
        user=rng.integers(0, users, requests).astype(np.int32),
        time_ms=times,
        known_ms=times - rng.integers(0, DAY_MS, requests) * rng.integers(0, 2, requests),
        utc_offset_ms=rng.integers(-12, 13, requests) * 3_600_000,
        surface=rng.integers(0, 4, requests).astype(np.int16),
        device=rng.integers(0, 4, requests).astype(np.int16),
        connection=rng.integers(0, 4, requests).astype(np.int16),
        app_version=rng.integers(0, 4, requests).astype(np.int16),
        region=rng.integers(0, 4, requests).astype(np.int16),
    )
