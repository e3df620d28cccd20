"""Promises: what the ranker predicted of the posts that were shown, for the online learner to compare."""

import numpy as np

from cluster.learning import Online
from cluster.served import ServedFeed, encode_served, sampled, served_key
from cluster.store.client import OnlineStore
from deployments.catalogue.catalogue import Catalogue
from deployments.corrections.corrected import CorrectedRanker
from deployments.pipeline.candidates import Candidates
from deployments.pipeline.query import Query
from deployments.pipeline.side_effect import SideEffect
from deployments.pipeline.trace import Trace
from deployments.side_effects.brief_writes import brief_writes


class Promises(SideEffect):
    name = "promises"

    def __init__(
        self, store: OnlineStore, release: str, ranker: CorrectedRanker, catalogue: Catalogue, settings: Online
    ) -> None:
        self._writes = brief_writes(store, settings)
        self._release = release
        self._ranker = ranker
        self._catalogue = catalogue
        self._share = settings.share if settings.enabled else 0.0

    def enabled(self, query: Query) -> bool:
        return sampled(query.request.user_id, self._share) and self._writes.open

    def note(self, query: Query, feed: Candidates, trace: Trace) -> None:
        if feed.heads is None or not len(feed):
            return
        rows = feed.rows.astype(np.int64)
        logits = self._ranker.uncorrected(rows, feed.heads)
        served = ServedFeed.of(self._release, self._ranker.actions, self._catalogue.posts.post_ids[rows], logits)
        self._writes.put((served_key(query.request_id), encode_served(served)))

    async def close(self) -> None:
        await self._writes.close()
