"""All that one release is in a feed server: what answers with it, and what keeps it up to date."""

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Self

from cluster.catalogue_log import CatalogueLog
from cluster.clock import Clock
from cluster.content_encoder import load_encoder
from cluster.cursor import Cursors
from cluster.errors import Unreachable
from cluster.release import Releases
from cluster.settings import Settings
from cluster.store.client import OnlineStore
from cluster.store.urls import StoreUrls
from deployments.bandit.follower import BanditFollower
from deployments.bandit.source_bandit import SOURCES, SourceBandit
from deployments.catalogue.catalogue import Catalogue
from deployments.catalogue.follower import READ, SLICE, Follower
from deployments.catalogue.publisher import Publisher
from deployments.corrections.corrected import CorrectedRanker
from deployments.corrections.follower import CorrectionFollower
from deployments.counters.follower import CounterFollower
from deployments.counters.live_counters import LiveCounters
from deployments.distributed.backends import Backends, ReleaseBackends
from deployments.explaining.tracing import Tracer
from deployments.feed_service import FeedService
from deployments.loaded_release import LoadedRelease
from deployments.pipeline.side_effect import SideEffect
from deployments.side_effects.decisions import Decisions
from deployments.side_effects.promises import Promises
from deployments.side_effects.shown import Shown
from deployments.side_effects.trace_writes import TraceWrites
from deployments.side_effects.traces import Traces
from deployments.store_follower import StoreFollower
from deployments.surfaces.parts import Parts
from deployments.surfaces.surfaces import surfaces
from deployments.warm_up import warm_up

logger = logging.getLogger(__name__)

#: How often it is asked whether others hold a release.
HOLD_S: Final = 0.25
#: How long a release waits for each store before it is served as it was built.
PATIENCE_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Shared:
    """What all releases of a feed server have in common."""

    settings: Settings
    urls: StoreUrls
    clock: Clock
    store: OnlineStore
    catalogue_log: CatalogueLog  # to write to; each release follows it by itself
    cursors: Cursors
    traces: TraceWrites
    backends: Backends | None  # None: all is in this process

    @classmethod
    def connect(cls, settings: Settings, clock: Clock, urls: StoreUrls, backends: Backends | None = None) -> Self:
        store, log = OnlineStore(urls.state, settings.store), CatalogueLog(urls.events, settings.events)
        traces = TraceWrites(store, settings.explain)
        return cls(settings, urls, clock, store, log, Cursors.of(settings), traces, backends)

    async def close(self) -> None:
        await self.traces.close()
        await self.catalogue_log.close()
        await self.store.close()
        if self.backends is not None:
            await self.backends.close()


@dataclass(frozen=True, slots=True)
class Bundle:
    """Models, index, posts and counters of one release; a request is answered from one bundle from beginning to end."""

    release: LoadedRelease
    catalogue: Catalogue
    catalogue_log: CatalogueLog
    follower: Follower
    learned: Sequence[StoreFollower]  # what consumers learn from the stream
    counters: CounterFollower
    publisher: Publisher
    feeds: FeedService
    effects: Sequence[SideEffect]
    backends: ReleaseBackends | None

    @classmethod
    def load(cls, name: str, shared: Shared) -> Self:
        """Load a release; may be called in a thread. Raises CascadeError when it is damaged or not there."""
        settings, urls = shared.settings, shared.urls
        release = Releases(settings.releases).get(name)
        backends = None if shared.backends is None else shared.backends.of(name, release.manifest.heads)
        loaded = LoadedRelease.load(release, settings.ranker, None if backends is None else backends.ranker)
        catalogue = Catalogue(loaded, settings.catalogue)
        log = CatalogueLog(urls.events, settings.events)
        counters = LiveCounters(catalogue)
        ranker = CorrectedRanker(loaded.ranker, catalogue)
        loaded = replace(loaded, ranker=ranker)
        promises = Promises(shared.store, name, ranker, catalogue, settings.online)
        effects: list[SideEffect] = [promises, Traces(shared.traces, Tracer(name, ranker.heads, catalogue))]
        if "shown_lately" not in settings.filters.disabled:
            effects.append(Shown(shared.store, catalogue, settings.filters.shown_minutes))
        bandit = SourceBandit(SOURCES, settings.bandit) if settings.bandit.enabled else None
        if bandit is not None:
            effects.append(Decisions(shared.store, settings.bandit))
        pipelines = surfaces(Parts(loaded, catalogue, counters, shared.store, settings, effects, bandit, backends))
        learned: list[StoreFollower] = [CorrectionFollower(name, ranker, urls.state, settings.store)]
        if bandit is not None:
            learned.append(BanditFollower(bandit, urls.state, settings.store))
        # The release's own encoder: its models have seen no other's embeddings.
        encoder = loaded.release.manifest.content_encoder
        return cls(
            release=loaded,
            catalogue=catalogue,
            catalogue_log=log,
            follower=Follower(catalogue, log),
            learned=learned,
            counters=CounterFollower(catalogue, counters, urls.state, settings.store),
            publisher=Publisher(shared.catalogue_log, catalogue, load_encoder(encoder), encoder, shared.clock),
            feeds=FeedService(loaded, catalogue, pipelines, shared.clock, settings, shared.cursors),
            effects=effects,
            backends=backends,
        )

    @property
    def name(self) -> str:
        return self.release.release.name

    @property
    def topics(self) -> tuple[str, ...]:
        """The topics that the release knows."""
        return self.release.vocabularies.topic.values

    async def catch_up(self, beside_requests: bool = False) -> bool:
        """Take in what happened since the release was built; False when a store is gone for too long."""
        posts = await self.follower.catch_up(PATIENCE_S, SLICE if beside_requests else READ)
        for follower in self.learned:
            await follower.catch_up()
        return await self.counters.catch_up(PATIENCE_S) and posts

    async def hold(self, patience_s: float) -> bool:
        """Wait until shards and rankers, if any, hold the release too; False when they do not for so long."""
        deadline = time.monotonic() + patience_s
        while self.backends is not None:
            try:
                await self.backends.hold()
                break
            except (Unreachable, TimeoutError) as error:
                if time.monotonic() > deadline:
                    logger.warning("release %s is not held: %s", self.name, error)
                    return False
                await asyncio.sleep(HOLD_S)
        return True

    async def warm_up(self) -> None:
        """Answer first feeds, so that nobody waits for compilers and page faults."""
        await warm_up(self.feeds, self.release)

    def start(self) -> None:
        """Follow what happens, on the running event loop, until `close`."""
        self.follower.start()
        for follower in self.learned:
            follower.start()
        self.counters.start()

    async def close(self) -> None:
        """Follow no longer, and wait for what follows from answers. Requests that are being answered go on."""
        await self.follower.close()
        for follower in self.learned:
            await follower.close()
        await self.counters.close()
        await self.catalogue_log.close()
        for effect in self.effects:
            await effect.close()
