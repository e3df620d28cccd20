"""Queries and post tables for tests of components."""

import time
from typing import Any

import numpy as np

from cluster.post_table import PostTable
from cluster.user_state import EVENT, TopicCodes, UserState
from cluster.wire import FeedRequest
from deployments.pipeline.candidates import Candidates
from deployments.pipeline.query import Query
from tests.kernels.columns import NOW, random_contexts, random_posts

AUTHORS = np.array([100, 200, 300])


def post_table(posts: int = 20, **columns: Any) -> PostTable:
    """Posts 1000, 1001, ... by authors 100, 200, 300 in turn, one hour apart, the first the oldest."""
    table = random_posts(np.random.default_rng(0), posts, len(AUTHORS))
    ages = np.arange(posts)[::-1] * 3_600_000
    table = table._replace(author=np.arange(posts, dtype=np.int32) % 3, created_ms=NOW - ages)
    return PostTable(1000 + np.arange(posts), AUTHORS, table._replace(**columns))


def query(posts: PostTable, seen: tuple[int, ...] = (), deadline_ms: float = 60_000, **request: Any) -> Query:
    history = np.array([(post_id, NOW - 1000, 1, 0) for post_id in seen], EVENT)
    state = UserState(history=history.tobytes())
    contexts = random_contexts(np.random.default_rng(0), 1, 1)
    return Query(
        request=FeedRequest(**{"user_id": 1, "limit": 5, **request}),
        request_id="test",
        now_ms=NOW,
        deadline=time.monotonic() + deadline_ms / 1e3,
        allowed_s=deadline_ms / 1e3,
        context=contexts._replace(time_ms=np.array([NOW]), known_ms=np.array([NOW])),
        state=state,
        user=state.columns(posts, {}, TopicCodes({})),
    )


def candidates(*rows: int) -> Candidates:
    return Candidates(np.array(rows, np.int32), np.ones(len(rows), np.uint32), -np.arange(len(rows), dtype=np.float32))
