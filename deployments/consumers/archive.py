"""The consumers that archive the durable streams, which is what models are trained on later."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Final, Generic, TypeVar

from cluster import catalogue_log, event_log
from cluster.archive import Archive, ArchiveInUse, EventArchive, PostArchive
from cluster.events import Record, decode_record
from cluster.posts import Post, decode_post
from cluster.settings import Settings
from cluster.store.consumers import Consumers
from deployments.consumers.consumer import Batching, Entry, NotNow
from deployments.consumers.specification import ConsumerSpec, Context

T = TypeVar("T")

NAME: Final = "archive"
POSTS: Final = "post_archive"


class Archivist(Generic[T]):
    """Writes batches as files. The archive's own position is the truth; the state store has a copy of it for others.

    So an archive is never thinned out because a state store was lost.
    """

    def __init__(
        self,
        spec: tuple[str, str],
        decode: Callable[[bytes], T],
        archive: Archive[T],
        consumers: Consumers,
        batching: Batching,
    ) -> None:
        self.name, self.stream = spec
        self.decode = decode
        self.batching = batching
        self._archive = archive
        self._consumers = consumers
        self._lock = ExitStack()
        self._locked = False

    async def position(self) -> str:
        try:
            if not self._locked:
                self._lock.enter_context(self._archive.lock())
                self._locked = True
            position = self._archive.position()
            if position is None:  # a new archive, maybe of an old stream
                position = await self._consumers.position(self.name)
            await asyncio.to_thread(self._archive.clear_after, position)
        except (OSError, ArchiveInUse) as error:
            raise _not_now(error) from error
        await self._consumers.put(self.name, position)
        return position

    async def apply(self, entries: Sequence[Entry[T]], position: str) -> None:
        try:
            await asyncio.to_thread(self._archive.write, entries, position)
        except OSError as error:
            raise _not_now(error) from error
        await self._consumers.put(self.name, position)

    async def close(self) -> None:
        self._lock.close()
        await self._consumers.close()


def event_archivist(context: Context) -> Archivist[Record]:
    """Archives the event log."""
    settings = context.settings
    archive = EventArchive(settings.archive_folder)
    consumers = Consumers(context.urls.state, settings.store)
    return Archivist((NAME, event_log.STREAM), decode_record, archive, consumers, batching(settings))


def post_archivist(context: Context) -> Archivist[Post]:
    """Archives the catalogue."""
    settings = context.settings
    archive = PostArchive(settings.archive_folder)
    consumers = Consumers(context.urls.state, settings.store)
    return Archivist((POSTS, catalogue_log.STREAM.decode()), decode_post, archive, consumers, batching(settings))


def archive_specs() -> list[ConsumerSpec]:
    """Both; the catalogue stays whole, for feed servers follow it from its beginning."""
    return [
        ConsumerSpec(NAME, event_log.STREAM, "events", event_archivist),
        ConsumerSpec(POSTS, catalogue_log.STREAM.decode(), "events", post_archivist, kept_whole=True),
    ]


def batching(settings: Settings) -> Batching:
    """Files of the size that the settings ask for; never so late that the lag would refuse events."""
    archive = settings.archive
    return Batching(min(archive.flush_events, max(1, settings.events.max_lag // 2)), archive.flush_s)


def _not_now(error: Exception) -> NotNow:
    return NotNow(f"the archive cannot be written: {error}", "Make room, or see the permissions of its folder.")
