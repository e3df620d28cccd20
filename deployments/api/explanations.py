"""Explanations of requests that were answered, whichever feed server did it."""

import asyncio
from functools import lru_cache
from typing import Final

from cluster.errors import CascadeError, NotFound, Unreadable
from cluster.release import Releases
from cluster.settings import Settings
from cluster.store.client import OnlineStore
from cluster.traced_feed import TracedFeed, UnreadableTrace, decode_trace, trace_key
from cluster.wire import FeedResponse
from deployments.explaining.explanation import explained
from deployments.releases.follower import ReleaseFollower
from deployments.scorers.rank import Ranker
from deployments.side_effects.trace_writes import PACE
from training.models.ranker import RankerModel

#: How often a record is looked for that may be on its way yet.
LOOKS: Final = 3
#: What is longer is no id of ours.
_LONGEST: Final = 64


class ExplainService:
    """Records are read from the state store. One for each feed server."""

    def __init__(self, store: OnlineStore, releases: ReleaseFollower, settings: Settings) -> None:
        self._store = store
        self._releases = releases
        self._folder = Releases(settings.releases)
        self._kept = settings.explain
        self._old = lru_cache(maxsize=2)(self._load)

    async def explain(self, request_id: str) -> FeedResponse:
        """The answer with the whole why, without a cursor. Raises NotFound, Unreadable or StoreUnavailable."""
        request_id = request_id[:_LONGEST]
        blob = await self._read(trace_key(request_id))
        if blob is None:
            raise NotFound("request_id", request_id, self._allowed)
        try:
            traced = decode_trace(blob)
        except UnreadableTrace as error:
            raise Unreadable("request_id", request_id, f"the record of it is damaged: {error}") from None
        return await asyncio.to_thread(self._explained, traced)

    @property
    def _allowed(self) -> str:
        return (
            f"must be of an answer of the last {self._kept.keep_s // 60} minutes; of feeds that did not ask to be"
            f" explained, as many are kept as go into {self._kept.memory_mb:g} MB (`explain.memory_mb`)"
        )

    async def _read(self, key: bytes) -> bytes | None:
        for _ in range(LOOKS):
            blob = await self._store.kept(key)
            if blob is not None:
                return blob
            await asyncio.sleep(PACE.linger_s)
        return None

    def _explained(self, traced: TracedFeed) -> FeedResponse:
        return explained(traced, self._ranker(traced.release))

    def _ranker(self, release: str) -> Ranker | None:
        """The ranker that answered; without what it learns online, if it is no longer served."""
        bundle = self._releases.traffic.bundles.get(release)
        if bundle is not None:
            return bundle.release.ranker
        try:
            return self._old(release)
        except CascadeError:
            return None

    def _load(self, release: str) -> Ranker:
        return RankerModel.load(self._folder.get(release).folder / "ranker")
