"""Following the record of what is live: a release is loaded beside the present one and takes its place at once."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final
from uuid import uuid4

from cluster.errors import CascadeError
from cluster.live_release import LiveRelease
from cluster.settings import Store
from cluster.store.breaker import StoreUnavailable
from cluster.store.release_board import ReleaseBoard, ReplicaStatus
from deployments.admission.admission import Admission
from deployments.releases.bundle import Bundle
from deployments.releases.shadow import Shadow
from deployments.releases.traffic import Canary, Traffic
from deployments.repeating import Repeated

logger = logging.getLogger(__name__)

#: How often the record is looked up, and this replica tells of itself, in seconds.
LOOK_S: Final = 0.5
TELL_S: Final = 0.5
#: How long shards and rankers may take to hold a release, before it is tried again.
PATIENCE_S: Final = 10.0


class NotCurrent(CascadeError):
    """A release that cannot take in what happened since it was built."""


class ReleaseFollower:
    """Keeps `traffic` as the record says. What cannot be loaded is refused, and what was there goes on."""

    def __init__(
        self, live: Bundle, load: Callable[[str], Bundle], url: str, settings: Store, admission: Admission
    ) -> None:
        """`load` makes the bundle of a release; it is called in a thread. `url`: of the state store."""
        self._admission = admission
        #: What requests are answered with; whoever begins one holds on to it.
        self.traffic = Traffic(live)
        self._load = load
        self._board = ReleaseBoard(url, settings)
        self._id = uuid4().hex[:12]
        self._followed: LiveRelease | None = None
        self._loading: str | None = None
        self._refused: str | None = None
        self._repeated = (Repeated(self._follow, LOOK_S), Repeated(self._tell, TELL_S))

    def start(self) -> None:
        """Follow on the running event loop until `close`."""
        for repeated in self._repeated:
            repeated.start()

    async def close(self) -> None:
        for repeated in self._repeated:
            await repeated.close()
        with suppress(StoreUnavailable):
            await self._board.leave(self._id)
        await self._board.close()
        if self.traffic.shadow is not None:
            await self.traffic.shadow.close()
        for bundle in self.traffic.bundles.values():
            await bundle.close()

    def status(self) -> ReplicaStatus:
        """What this replica tells of itself."""
        traffic = self.traffic
        return ReplicaStatus(
            id=self._id,
            release=traffic.live.name,
            trial=traffic.trial,
            revision=self._followed.revision if self._followed else -1,
            loading=self._loading,
            refused=self._refused,
            shadow=traffic.shadow.status() if traffic.shadow else None,
            updated_ms=time.time_ns() // 1_000_000,
            load=self._admission.status(),
        )

    async def follow(self, record: LiveRelease) -> None:
        """Bring traffic to what `record` says, or note why not."""
        bundles = dict(self.traffic.bundles)
        try:
            for name in record.answering:
                if name not in bundles:
                    self._loading = name
                    bundles[name] = await asyncio.to_thread(self._load, name)
                    await _prepare(bundles[name])
            self._refused = None
        except Exception as error:
            self._refused = str(error) or type(error).__name__
            if isinstance(error, NotCurrent):
                return  # to be tried again
            logger.exception("what the record says is refused")
        else:
            await self._exchange(_traffic(record, bundles))
        finally:
            self._loading = None
            for name, bundle in bundles.items():
                if name not in self.traffic.bundles:
                    await bundle.close()
        self._followed = record

    async def _exchange(self, traffic: Traffic) -> None:
        """Put `traffic` in place between two requests."""
        before, self.traffic = self.traffic, traffic
        if traffic.shadow is not None:
            traffic.shadow.start()
        if before.shadow is not None:
            await before.shadow.close()
        if before.live is not traffic.live:
            logger.info("release %s is live, in place of %s", traffic.live.name, before.live.name)

    async def _follow(self) -> None:
        record = await self._board.read()
        if record is not None and record != self._followed:
            await self.follow(record)

    async def _tell(self) -> None:
        await self._board.tell(self.status())


async def _prepare(bundle: Bundle) -> None:
    """Bring a bundle to where the one is that answers. Raises NotCurrent when the stores are gone."""
    current = await bundle.catch_up(beside_requests=True)
    bundle.start()
    if not current:
        raise NotCurrent(f"release {bundle.name} waits for the stores", "Start them.")
    if not await bundle.hold(PATIENCE_S):
        raise NotCurrent(f"release {bundle.name} waits for shards and rankers", "Their logs say why.")
    await bundle.warm_up()


def _traffic(record: LiveRelease, bundles: Mapping[str, Bundle]) -> Traffic:
    live, trial = bundles[record.live], record.trial
    if trial is None:
        return Traffic(live)
    beside = bundles[trial.release]
    if trial.mode == "canary":
        return Traffic(live, canary=Canary(trial, beside))
    return Traffic(live, shadow=Shadow(trial, beside))
