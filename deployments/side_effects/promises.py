"""Promises: what the ranker predicted of the posts that were shown, for the online learner to compare."""

import asyncio
from contextlib import suppress
from typing import Final

import numpy as np

from cluster.served import ServedFeed, encode_served, sampled, served_key
from cluster.settings import Online
from cluster.store.breaker import StoreUnavailable
from cluster.store.client import OnlineStore
from deployments.catalogue.catalogue import Catalogue
from deployments.corrections.corrected import CorrectedRanker
from deployments.pipeline.candidates import Candidates
from deployments.pipeline.components import SideEffect
from deployments.pipeline.query import Query

#: How much longer than they are needed promises are kept, in seconds: events may be late.
MARGIN_S: Final = 600
#: Writes under way at most; with more the store is too slow, and promises are let go.
UNDER_WAY: Final = 64


class Promises(SideEffect):
    name = "promises"

    def __init__(
        self, store: OnlineStore, release: str, ranker: CorrectedRanker, catalogue: Catalogue, settings: Online
    ) -> None:
        self._store = store
        self._release = release
        self._ranker = ranker
        self._catalogue = catalogue
        self._share = settings.share if settings.enabled else 0.0
        self._seconds = int(settings.attribution_s + settings.update_s) + MARGIN_S
        self._writing: set[asyncio.Task[None]] = set()

    def enabled(self, query: Query) -> bool:
        return sampled(query.request.user_id, self._share) and self._store.available

    def note(self, query: Query, feed: Candidates) -> None:
        if feed.heads is None or not len(feed) or len(self._writing) >= UNDER_WAY:
            return
        rows = feed.rows.astype(np.int64)
        logits = self._ranker.uncorrected(rows, feed.heads)
        served = ServedFeed.of(self._release, self._ranker.actions, self._catalogue.posts.post_ids[rows], logits)
        task = asyncio.get_running_loop().create_task(self._keep(served_key(query.request_id), encode_served(served)))
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    async def _keep(self, key: bytes, blob: bytes) -> None:
        with suppress(StoreUnavailable):  # one that is lost teaches nothing
            await self._store.keep(key, blob, self._seconds)
