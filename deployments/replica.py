"""What answers feeds in one process, with Ray Serve around it or without."""

from dataclasses import dataclass
from typing import Final, Self

from cluster.catalogue_log import CatalogueLog
from cluster.clock import Clock
from cluster.content_encoder import load_encoder
from cluster.release import Releases
from cluster.settings import Settings
from cluster.store.client import OnlineStore
from cluster.store.urls import StoreUrls
from deployments.catalogue.catalogue import Catalogue
from deployments.catalogue.follower import Follower
from deployments.catalogue.publisher import Publisher
from deployments.counters.follower import CounterFollower
from deployments.counters.live_counters import LiveCounters
from deployments.feed_service import FeedService
from deployments.loaded_release import LoadedRelease
from deployments.surfaces import surfaces
from deployments.warm_up import warm_up

#: How long a starting replica waits for each store before it serves what its release knows.
PATIENCE_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Replica:
    """One release and the catalogue that goes on from it, connections to both stores, and the service over them."""

    release: LoadedRelease
    store: OnlineStore
    catalogue_log: CatalogueLog
    follower: Follower
    counters: CounterFollower
    publisher: Publisher
    feeds: FeedService

    @classmethod
    def open(cls, settings: Settings, release: str, clock: Clock, urls: StoreUrls) -> Self:
        """Load the release of that name. Raises CascadeError when it is damaged or not there."""
        loaded = LoadedRelease.load(Releases(settings.releases).get(release))
        store, log = OnlineStore(urls.state, settings.store), CatalogueLog(urls.events, settings.events)
        catalogue = Catalogue(loaded, settings.catalogue)
        counters = LiveCounters(catalogue)
        pipelines = surfaces(loaded, catalogue, counters, store, settings)
        # The release's own encoder: its models have seen no other's embeddings.
        encoder = loaded.release.manifest.content_encoder
        return cls(
            release=loaded,
            store=store,
            catalogue_log=log,
            follower=Follower(catalogue, log),
            counters=CounterFollower(catalogue, counters, urls.state, settings.store),
            publisher=Publisher(log, catalogue, load_encoder(encoder), encoder, clock),
            feeds=FeedService(loaded, catalogue, pipelines, clock, settings.serving.deadline_ms),
        )

    async def warm_up(self) -> None:
        """Take in what is live, and answer first feeds, so that nobody waits for compilers and page faults."""
        await self.follower.catch_up(PATIENCE_S)
        await self.counters.catch_up(PATIENCE_S)
        await warm_up(self.feeds, self.release)

    def start(self) -> None:
        """Follow what is live, on the running event loop, until `close`."""
        self.follower.start()
        self.counters.start()

    async def close(self) -> None:
        await self.follower.close()
        await self.counters.close()
        await self.catalogue_log.close()
        await self.store.close()
