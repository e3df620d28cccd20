"""Removing the records of erased users from the event log before it is trimmed."""

import asyncio
import time
from collections.abc import Callable, Collection
from typing import Any, Final

import msgspec

from cluster.errors import CascadeError
from cluster.event_log import STREAM, EventLog
from cluster.events import Erasure, Record, decode_record
from cluster.settings import Settings
from cluster.store.breaker import Breaker
from cluster.store.closing import Closing
from cluster.store.connection import Connection
from cluster.store.consumers import Consumers
from cluster.store.stream import ANSWER_S, Stream, order
from cluster.store.urls import StoreUrls

#: Entries read by one command: more would hold up everyone else's.
SLICE: Final = 2000
#: How often consumers are looked at, in seconds.
LOOK_S: Final = 0.1


class RecordRemoval(Closing):
    """One pass over the event log and what was set aside of it. Methods raise StoreUnavailable."""

    def __init__(self, urls: StoreUrls, settings: Settings) -> None:
        self._urls = urls
        self._settings = settings
        self._connection = Connection(urls.events, ANSWER_S, Breaker("event store", settings.events.retry_ms))
        self._redis = self._connection.redis

    async def applied_by_all(self, patience_s: float) -> str:
        """Wait until every consumer has applied what is in the log now; returns the last position of that.

        Only then may entries go: a consumer that has not read them would count them as missed for ever. Raises
        CascadeError for a consumer that is not there in time.
        """
        deadline = time.monotonic() + patience_s
        async with (
            EventLog(self._urls.events, self._settings.events.patient()) as log,
            Stream(self._urls.events, self._settings.events, STREAM, "") as stream,
            Consumers(self._urls.state, self._settings.store.patient()) as consumers,
        ):
            last = (await log.positions()).last
            for name in await stream.groups():
                while order(position := await consumers.position(name)) < order(last):
                    if time.monotonic() > deadline:
                        raise CascadeError(
                            f"consumer {name} stands at {position} of the event log, not yet at {last}",
                            "See `cascade status`; run this again when it has caught up.",
                        )
                    await asyncio.sleep(LOOK_S)
        return last

    async def remove(self, users: Collection[int], last: str, progress: Callable[[int, int], None]) -> int:
        """Remove what each of the users did before they were last erased, up to position `last`; returns how much.

        A user whom no erasure in the log names keeps their records there. `progress`: entries done, entries in all.
        """
        total = int(await self._connection.outcome(self._redis.xlen(STREAM)))
        erased: set[int] = set()
        done = removed = 0
        newest = last
        while entries := await self._slice(STREAM, newest):
            gone = []
            for position, fields in entries:
                record = _record(fields)
                if record is None or record.user_id not in users:
                    continue
                if record.user_id in erased:
                    gone.append(position)
                elif isinstance(record, Erasure):
                    erased.add(record.user_id)
            removed += await self._delete(STREAM, gone)
            newest = "(" + entries[-1][0].decode()
            done += len(entries)
            progress(min(done, total), total)
        return removed + await self._remove_set_aside(users)

    async def close(self) -> None:
        await self._connection.close()

    async def _remove_set_aside(self, users: Collection[int]) -> int:
        """Remove the users' records among those that a consumer could not apply."""
        name, newest, removed = f"{STREAM}:poison", "+", 0
        while entries := await self._slice(name, newest):
            found = [(position, _record(fields)) for position, fields in entries]
            removed += await self._delete(name, [at for at, record in found if record and record.user_id in users])
            newest = "(" + entries[-1][0].decode()
        return removed

    async def _slice(self, name: str, newest: str) -> list[tuple[bytes, dict[bytes, bytes]]]:
        """Entries of a stream from `newest` backwards."""
        entries: Any = await self._connection.outcome(self._redis.xrevrange(name, max=newest, count=SLICE))
        return list(entries)

    async def _delete(self, name: str, positions: list[bytes]) -> int:
        return int(await self._connection.outcome(self._redis.xdel(name, *positions))) if positions else 0


def _record(fields: dict[bytes, bytes]) -> Record | None:
    """The record of an entry; None for one that nobody can read."""
    try:
        return decode_record(fields[b"e"])
    except (KeyError, msgspec.DecodeError):
        return None
