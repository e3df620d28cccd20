"""The consumer that archives the event log, which is what models are trained on later."""

import asyncio
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Final

from cluster.archive import Archive, ArchiveInUse
from cluster.event_log import STREAM
from cluster.events import Record, decode_record
from cluster.settings import Settings
from cluster.store.consumers import START, Consumers
from deployments.consumers.consumer import Batching, Entry, NotNow
from deployments.consumers.specification import Context

NAME: Final = "archive"


class Archivist:
    """Writes batches as files. The archive's own position is the truth; the state store has a copy of it for others.

    So an archive is never thinned out because a state store was lost.
    """

    name = NAME
    stream = STREAM

    def __init__(self, archive: Archive, consumers: Consumers, batching: Batching) -> None:
        self.batching = batching
        self._archive = archive
        self._consumers = consumers
        self._lock = ExitStack()
        self._locked = False

    @classmethod
    def make(cls, context: Context) -> "Archivist":
        """The archivist of a Cascade."""
        settings = context.settings
        consumers = Consumers(context.urls.state, settings.store)
        return cls(Archive(settings.archive_folder), consumers, batching(settings))

    def decode(self, payload: bytes) -> Record:
        return decode_record(payload)

    async def position(self) -> str:
        try:
            if not self._locked:
                self._lock.enter_context(self._archive.lock())
                self._locked = True
            position = self._archive.position()
            if position is None:  # a new archive, maybe of an old log
                position = await self._consumers.position(NAME)
            await asyncio.to_thread(self._archive.clear_after, position)
        except (OSError, ArchiveInUse) as error:
            raise _not_now(error) from error
        await self._consumers.put(NAME, position)
        return position or START

    async def apply(self, entries: Sequence[Entry[Record]], position: str) -> None:
        try:
            await asyncio.to_thread(self._archive.write, entries, position)
        except OSError as error:
            raise _not_now(error) from error
        await self._consumers.put(NAME, position)

    async def close(self) -> None:
        self._lock.close()
        await self._consumers.close()


def batching(settings: Settings) -> Batching:
    """Files of the size that the settings ask for; never so late that the lag would refuse events."""
    archive = settings.archive
    return Batching(min(archive.flush_events, max(1, settings.events.max_lag // 2)), archive.flush_s)


def _not_now(error: Exception) -> NotNow:
    return NotNow(f"the archive cannot be written: {error}", "Make room, or see the permissions of its folder.")
