"""The feed without Ray and HTTP: the same pipeline, release and store, called directly. The floor of every figure."""

import asyncio

from cluster.clock import Clock
from cluster.errors import CascadeError
from cluster.processes.run_state import read_run
from cluster.release import Releases
from cluster.settings import Settings
from cluster.store.client import OnlineStore
from deployments.feed_service import FeedService
from deployments.loaded_release import LoadedRelease
from deployments.surfaces import surfaces
from deployments.warm_up import warm_up


class InProcess:
    """One thread, one request at a time."""

    def __init__(self, feeds: FeedService, store: OnlineStore, loop: asyncio.AbstractEventLoop) -> None:
        self._feeds = feeds
        self._store = store
        self._loop = loop

    @classmethod
    def open(cls, settings: Settings) -> "InProcess":
        """Load the release of the running Cascade and connect to its store. Raises CascadeError when it is not up."""
        run = read_run(settings.run_file)
        if run is None or not run.alive:
            raise CascadeError("Cascade is not up", "start it with `cascade up`")
        release = LoadedRelease.load(Releases(settings.releases).get(run.release))
        loop = asyncio.new_event_loop()
        store = OnlineStore(run.store_url, settings.store)
        clock = Clock.replay(release.release.manifest.data_end_ms)
        feeds = FeedService(release, surfaces(release, store, settings), clock, settings.serving.deadline_ms)
        loop.run_until_complete(warm_up(feeds, release))
        return cls(feeds, store, loop)

    def feed(self, body: bytes) -> bytes:
        """Answer a JSON FeedRequest with a JSON FeedResponse. Raises InvalidField."""
        return self._loop.run_until_complete(self._feeds.feed(body))

    def close(self) -> None:
        self._loop.run_until_complete(self._store.close())
        self._loop.close()
