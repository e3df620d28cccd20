"""The releases that a shard or a ranker holds: those that feeds are answered with, as the record says."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from typing import Final, Generic, Protocol, TypeVar

from cluster.settings import Store
from cluster.store.release_board import ReleaseBoard
from deployments.repeating import Repeated

logger = logging.getLogger(__name__)

LOOK_S: Final = 0.5
#: How long a release is kept that is no longer answered with: feed servers let go of it one after the other.
GRACE_S: Final = 30.0


class Holdable(Protocol):
    """What a release is for who holds it."""

    async def start(self) -> None:
        """Become ready, and stay up to date until `close`."""
        ...

    async def close(self) -> None: ...


T = TypeVar("T", bound=Holdable)


class ReleaseHolder(Generic[T]):
    """Loads releases beside those that are there. One that cannot be loaded is not there."""

    def __init__(self, load: Callable[[str], T], url: str, settings: Store) -> None:
        """`load` is called in a thread; `url`: of the state store."""
        self._load = load
        self._board = ReleaseBoard(url, settings)
        self._held: dict[str, T] = {}
        self._unwanted: dict[str, float] = {}  # release -> time.monotonic() since which
        self._followed: Sequence[str] = ()
        self._looks = Repeated(self._look, LOOK_S)

    def get(self, release: str) -> T | None:
        """None for one that is not held."""
        return self._held.get(release)

    async def start(self, releases: Sequence[str]) -> None:
        """Load these, and follow the record on the running event loop until `close`. Raises CascadeError."""
        for name in releases:
            await self._take(name)
        self._followed = releases
        self._looks.start()

    async def close(self) -> None:
        await self._looks.close()
        await self._board.close()
        for held in self._held.values():
            await held.close()

    async def follow(self, releases: Sequence[str]) -> None:
        """Hold these, and let go of others after a while."""
        self._followed = releases
        now = time.monotonic()
        self._unwanted = {name: self._unwanted.get(name, now) for name in self._held if name not in releases}
        for name, since in list(self._unwanted.items()):
            if now - since > GRACE_S:
                await self._held.pop(name).close()
        for name in releases:
            if name not in self._held:
                try:
                    await self._take(name)
                except Exception:
                    logger.exception("release %s is not held", name)

    async def _take(self, name: str) -> None:
        held = await asyncio.to_thread(self._load, name)
        await held.start()
        self._held[name] = held
        logger.info("release %s is held", name)

    async def _look(self) -> None:
        record = await self._board.read()
        wanted = self._followed if record is None else record.answering
        if wanted != self._followed or self._unwanted:
            await self.follow(wanted)
