"""What answers feeds in one process, with Ray Serve around it or without."""

from dataclasses import dataclass
from typing import Self

from cluster.clock import Clock
from cluster.release import Releases
from cluster.settings import Settings
from cluster.store.client import OnlineStore
from cluster.store.urls import StoreUrls
from deployments.feed_service import FeedService
from deployments.loaded_release import LoadedRelease
from deployments.surfaces import surfaces
from deployments.warm_up import warm_up


@dataclass(frozen=True, slots=True)
class Replica:
    """One release, one connection to the state store, and the service over both."""

    release: LoadedRelease
    store: OnlineStore
    feeds: FeedService

    @classmethod
    def open(cls, settings: Settings, release: str, clock: Clock, urls: StoreUrls) -> Self:
        """Load the release of that name. Raises CascadeError when it is damaged or not there."""
        loaded = LoadedRelease.load(Releases(settings.releases).get(release))
        store = OnlineStore(urls.state, settings.store)
        feeds = FeedService(loaded, surfaces(loaded, store, settings), clock, settings.serving.deadline_ms)
        return cls(loaded, store, feeds)

    async def warm_up(self) -> None:
        """Answer a first feed, so that nobody waits for compilers and page faults."""
        await warm_up(self.feeds, self.release)

    async def close(self) -> None:
        await self.store.close()
