"""Following the catalogue log: what anyone publishes or removes is known to every replica a moment later."""

import asyncio
import logging
import time
from typing import Final

from cluster.catalogue_log import START, CatalogueLog
from cluster.wire import CatalogueStatus
from deployments.catalogue.catalogue import Catalogue
from deployments.repeating import Repeated, patiently

logger = logging.getLogger(__name__)

#: Entries asked for at a time, and how many of them are applied between two turns of the event loop.
READ: Final = 1024
SLICE: Final = 64
#: How long one question waits for news, and the pause after a failure.
BLOCK_MS: Final = 500
RETRY_S: Final = 0.25


class Follower:
    """Brings a replica's catalogue to where the log is, and keeps it there."""

    def __init__(self, catalogue: Catalogue, log: CatalogueLog) -> None:
        self._catalogue = catalogue
        self._log = log
        self._position = START
        self._current_at: float | None = None  # time.monotonic() at which nothing was left to apply
        self._following = Repeated(self._follow, pause_s=0, retry_s=RETRY_S)
        self._compacting: asyncio.Task[None] | None = None

    def status(self) -> CatalogueStatus:
        """Where this replica stands."""
        behind = None if self._current_at is None else round((time.monotonic() - self._current_at) * 1000)
        alive = int(self._catalogue.alive.sum())
        return CatalogueStatus(alive, len(self._catalogue) - alive, self._catalogue.index.fresh, self._position, behind)

    async def catch_up(self, patience_s: float, slice_: int = READ) -> bool:
        """Replay the log to its present end, before the first request; False when the store is gone for so long.

        `slice_`: entries that are applied between two turns of the event loop, on which others may be waited for.
        Feeds are then made of the release alone, until `start` has found the store again.
        """

        async def replay() -> None:
            while entries := await self._step(0, slice_):
                logger.info("catalogue replayed to %s, %d entries", self._position, entries)

        if missing := await patiently(replay, patience_s, RETRY_S):
            logger.warning("the catalogue is that of the release: %s", missing)
        return missing is None

    def start(self) -> None:
        """Follow the log on the running event loop until `close`."""
        self._following.start()

    async def close(self) -> None:
        """Stop following. An index that is being built is waited for."""
        await self._following.close()
        if self._compacting is not None:
            await asyncio.wait([self._compacting])

    async def _follow(self) -> None:
        try:
            await self._step(BLOCK_MS, SLICE)
        finally:
            self._compact()

    async def _step(self, block_ms: int, slice_: int) -> int:
        """Ask for what comes next and apply it; how many entries there were."""
        entries = await self._log.follow(self._position, READ, block_ms)
        for begin in range(0, len(entries), slice_):
            part = entries[begin : begin + slice_]
            self._catalogue.apply([entry.post for entry in part if entry.post is not None])
            self._position = part[-1].position
            await asyncio.sleep(0)  # requests first
        if len(entries) < READ:
            self._current_at = time.monotonic()
        return len(entries)

    def _compact(self) -> None:
        """Begin to build a new index where one is wanted and none is under way."""
        if self._compacting is not None and self._compacting.done():
            if error := self._compacting.exception():
                logger.error("building a new index failed", exc_info=error)
            self._compacting = None
        if self._compacting is None and self._catalogue.wants_compaction:
            self._compacting = asyncio.create_task(self._catalogue.compact())
