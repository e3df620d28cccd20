"""What answers feeds in one process, with Ray Serve around it or without."""

import time
from functools import partial
from typing import Final, Self

import msgspec
import numpy as np

from cluster.clock import Clock
from cluster.live_release import LiveFile
from cluster.settings import Settings
from cluster.store.client import OnlineStore
from cluster.store.urls import StoreUrls
from cluster.users import SomeUsers
from cluster.wire import FeedRequest, FeedResponse, decode
from deployments.admission.admission import Admission
from deployments.distributed.backends import Backends
from deployments.releases.bundle import Bundle, Shared
from deployments.releases.follower import ReleaseFollower
from deployments.repeating import Repeated

_decoder = msgspec.json.Decoder(FeedRequest)
#: How often the quality factor follows the load, in seconds.
LOOK_S: Final = 0.2
#: How long shards and rankers, which start at the same time, are waited for.
HOLD_S: Final = 60.0
#: Users that are named to whoever asks for some.
SOME: Final = 24


class Replica:
    """The releases that answer, and the connections to both stores that they share."""

    def __init__(self, shared: Shared, live: str) -> None:
        """Load the release `live`. Raises CascadeError when it is damaged or not there."""
        self._shared = shared
        load = partial(Bundle.load, shared=shared)
        self.admission = Admission(shared.settings.serving)
        self.releases = ReleaseFollower(load(live), load, shared.urls.state, shared.settings.store, self.admission)
        self._looks = Repeated(self._look, LOOK_S)

    @classmethod
    def open(cls, settings: Settings, clock: Clock, urls: StoreUrls, backends: Backends | None = None) -> Self:
        """Load the release that is live. Raises CascadeError when there is none, or it is damaged.

        `backends`: where index and ranker are; None: in this process, whatever the topology.
        """
        return cls(Shared.connect(settings, clock, urls, backends), LiveFile(settings.releases).need().live)

    @property
    def clock(self) -> Clock:
        return self._shared.clock

    @property
    def store(self) -> OnlineStore:
        return self._shared.store

    @property
    def live(self) -> Bundle:
        """The release that is live at this moment; the next moment it may be another one."""
        return self.releases.traffic.live

    async def feed(self, body: bytes) -> FeedResponse:
        """Answer a JSON FeedRequest. Raises InvalidField for one that is not valid, TooBusy for one that must wait
        for too long.
        """
        started = time.perf_counter()
        request = decode(_decoder, body)
        allowed_ms = request.deadline_ms or self._shared.settings.serving.deadline_ms
        with self.admission.visit(allowed_ms / 1e3) as visit:
            return await self.releases.traffic.answer(request, started, visit)

    def some_users(self) -> SomeUsers:
        """Users of the live release, evenly spread over their ids."""
        ids = self.live.release.user_ids
        return SomeUsers(
            ids[np.unique(np.linspace(0, len(ids) - 1, SOME, dtype=np.int64))].tolist() if len(ids) else []
        )

    async def warm_up(self) -> None:
        """Take in what happened since the release was built, and answer first feeds.

        Where the stores are gone, the replica serves what its release knows until `start` has found them again.
        """
        await self.live.catch_up()
        await self.live.hold(HOLD_S)
        await self.live.warm_up()

    def start(self) -> None:
        """Follow what happens, and which release is live, on the running event loop, until `close`."""
        self.live.start()
        self.releases.start()
        self._looks.start()

    async def close(self) -> None:
        await self._looks.close()
        await self.releases.close()
        await self._shared.close()

    async def _look(self) -> None:
        self.admission.quality.look()
