"""The feed without Ray and HTTP: the same pipeline, release and store, called directly. The floor of every figure."""

import asyncio

import msgspec

from cluster.clock import Clock
from cluster.errors import CascadeError
from cluster.processes.run_state import read_run
from cluster.settings import Settings
from cluster.store.urls import StoreUrls
from deployments.replica import Replica


class InProcess:
    """One thread, one request at a time."""

    def __init__(self, replica: Replica, loop: asyncio.AbstractEventLoop) -> None:
        self._replica = replica
        self._loop = loop

    @classmethod
    def open(cls, settings: Settings) -> "InProcess":
        """Load the release that is live and connect to its store. Raises CascadeError when it is not up."""
        run = read_run(settings.run_file)
        if run is None or not run.alive:
            raise CascadeError("Cascade is not up", "start it with `cascade up`")
        return cls.on(settings, Clock(run.clock_offset_ms), run.urls)

    @classmethod
    def on(cls, settings: Settings, clock: Clock, urls: StoreUrls) -> "InProcess":
        """Load the release that is live, on these stores. Raises CascadeError when there is none, or it is damaged."""
        loop = asyncio.new_event_loop()
        replica = Replica.open(settings, clock, urls)
        loop.run_until_complete(replica.warm_up())
        return cls(replica, loop)

    def feed(self, body: bytes) -> bytes:
        """Answer a JSON FeedRequest with a JSON FeedResponse. Raises InvalidField."""
        return msgspec.json.encode(self._loop.run_until_complete(self._replica.feed(body)))

    def close(self) -> None:
        self._loop.run_until_complete(self._replica.close())
        self._loop.close()
