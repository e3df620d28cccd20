"""Warm-up: a replica answers real requests before it says that it is ready."""

import time

import numpy as np

from cluster.wire import FeedRequest
from deployments.feed_service import FeedService
from deployments.loaded_release import LoadedRelease

#: Requests answered before a replica is ready: enough to load every kernel's code and touch the large arrays.
REQUESTS = 32


async def warm_up(feeds: FeedService, release: LoadedRelease) -> None:
    """Answer requests of known users, evenly spread, and of someone unknown; nobody waits for them."""
    users = release.user_ids
    nobody = int(users.max(initial=-1)) + 1
    known = users[np.linspace(0, len(users) - 1, REQUESTS - 1, dtype=np.int64)].tolist() if len(users) else []
    for user_id in (nobody, *known):
        request = FeedRequest(user_id=user_id, deadline_ms=10_000, explain=user_id == nobody)
        await feeds.answer(request, time.perf_counter())
