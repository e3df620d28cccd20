"""The event log: an append-only stream of records in the event store.

`{events}` is the stream. `{events}:ids:{day}:{shard}` are sets of the ids appended on that day (the braces keep all of
them in one slot of a cluster). An id is kept as 64 bits of its hash, 16 of which choose the shard: sets of small
integers take 8 to 10 bytes an id, a key for each would take a hundred.
"""

import asyncio
from collections.abc import Sequence
from hashlib import blake2b
from typing import Final, NamedTuple

import redis

from cluster.events import Record, encode_record, record_id
from cluster.settings import Events
from cluster.store.breaker import Breaker
from cluster.store.closing import Closing
from cluster.store.coalescer import Coalescer
from cluster.store.connection import Connection

STREAM: Final = "{events}"
#: Events appended by one command: more would hold up everyone else's.
APPEND_LIMIT: Final = 1000

#: KEYS: the stream. ARGV: shard, hash and payload of each event. Answers the position of each, or false for one whose
#: id was appended before. All of it happens at once, and is on disk before the answer.
#:
#: An id is found for at least 48 hours: in the set of today or of the two days before. The event is appended before
#: its id is noted: an append that the store refuses leaves nothing that would swallow the next try.
_APPEND: Final = """
local day = math.floor(redis.call('TIME')[1] / 86400)
local answers = {}
for i = 1, #ARGV, 3 do
  local shard, hash = ':' .. ARGV[i], ARGV[i + 1]
  local ids = KEYS[1] .. ':ids:'
  local today = ids .. day .. shard
  local known = redis.call('SISMEMBER', today, hash) == 1
    or redis.call('SISMEMBER', ids .. (day - 1) .. shard, hash) == 1
    or redis.call('SISMEMBER', ids .. (day - 2) .. shard, hash) == 1
  if known then
    answers[#answers + 1] = false
  else
    answers[#answers + 1] = redis.call('XADD', KEYS[1], '*', 'e', ARGV[i + 2])
    redis.call('SADD', today, hash)
    redis.call('EXPIREAT', today, (day + 3) * 86400, 'NX')
  end
end
return answers
"""


class Positions(NamedTuple):
    """Records in the stream, and the position of the last one; "0-0" before the first."""

    length: int
    last: str


class EventLog(Closing):
    """What `append` has acknowledged is on disk (with `events.fsync: always`), and is there once for its id.

    One connection, shared by all tasks of one event loop; what they append while a call is under way goes out together
    as the next one, and shares its fsync. While the store is gone, calls raise StoreUnavailable at once until it
    answers again (see `cluster.store.breaker`).
    """

    def __init__(self, url: str, settings: Events) -> None:
        self._breaker = Breaker("event store", settings.retry_ms)
        self._connection = Connection(url, settings.timeout_ms / 1e3, self._breaker)
        self._redis = self._connection.redis
        self._appends = Coalescer(self._append, APPEND_LIMIT)

    async def append(self, records: Sequence[Record]) -> list[str | None]:
        """Append, in order; returns once the store has acknowledged all of them.

        Answers the position of each record, None for an event whose id was appended within the last 48 hours. Raises
        StoreUnavailable: then any part may have been appended, and sending the same events again is safe.
        """
        if not records:
            return []
        self._breaker.admit()
        return list(await asyncio.gather(*(self._appends.submit(record) for record in records)))

    async def positions(self) -> Positions:
        """Where the log stands. Raises StoreUnavailable."""
        pipeline = self._redis.pipeline(transaction=False)
        pipeline.xlen(STREAM)
        pipeline.xrevrange(STREAM, count=1)
        length, last = await self._connection.outcome(pipeline.execute())
        return Positions(length, last[0][0].decode() if last else "0-0")

    async def lags(self) -> dict[str, int]:
        """Records that each consumer has not applied yet, as far as that is known. Raises StoreUnavailable."""
        pipeline = self._redis.pipeline(transaction=False)
        pipeline.xinfo_groups(STREAM)
        [groups] = await self._connection.outcome(pipeline.execute(raise_on_error=False))
        if isinstance(groups, redis.ResponseError):  # no record, no stream, no group
            return {}
        return {group["name"].decode(): group["lag"] for group in groups if group["lag"] is not None}

    async def ping(self) -> None:
        """Ask the store, even if it just failed. Raises StoreUnavailable."""
        await self._connection.outcome(self._redis.ping())

    async def close(self) -> None:
        """Wait for what is under way, then disconnect."""
        await self._appends.close()
        await self._connection.close()

    async def _append(self, records: Sequence[Record]) -> Sequence[str | None]:
        self._breaker.check()
        arguments: list[bytes | int] = []
        for record in records:
            number = int.from_bytes(blake2b(record_id(record).encode(), digest_size=8).digest(), "big")
            arguments += (number >> 48, number & (2**48 - 1), encode_record(record))
        answers = await self._connection.outcome(self._redis.eval(_APPEND, 1, STREAM, *arguments))
        return [None if position is None else position.decode() for position in answers]
