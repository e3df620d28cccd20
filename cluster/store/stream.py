"""A stream as its consumers see it: read after a position, watched for lag, trimmed behind everybody."""

import logging
import time
from typing import Any, Final, NamedTuple, cast

import redis

from cluster.settings import Server
from cluster.store.breaker import Breaker
from cluster.store.closing import Closing
from cluster.store.connection import Connection

logger = logging.getLogger(__name__)

#: Longest wait for an answer in seconds, beyond the time that a read may block.
ANSWER_S: Final = 5.0
#: Entries counted by one command: more would hold up everyone else's.
COUNT_LIMIT: Final = 2000
#: Entries kept of those that were set aside.
POISON_LIMIT: Final = 100_000

#: KEYS: the stream. ARGV: first and last position, limit. Answers how many entries that is, and the last one counted.
_COUNT: Final = """
local entries = redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[2], 'COUNT', ARGV[3])
return {#entries, #entries > 0 and entries[#entries][1] or ARGV[2]}
"""

_SKIP: Final = "return redis.call('XSETID', KEYS[1], ARGV[1])"


class Entry(NamedTuple):
    position: str
    payload: bytes


class Stream(Closing):
    """One stream and the consumer group of one reader.

    The group hands out nothing: whoever reads names the position to read after, so that two readers at once cannot
    take entries from each other. It tells everybody how far the consumer has come. Methods raise StoreUnavailable.
    """

    def __init__(self, url: str, settings: Server, name: str, group: str) -> None:
        self.name = name
        self.group = group
        self._breaker = Breaker("store of " + name, settings.retry_ms)
        self._connection = Connection(url, ANSWER_S, self._breaker)
        self._redis = self._connection.redis
        self._offset = 0  # entries ever appended, up to the position that `begin` was told

    async def begin(self, position: str) -> None:
        """Put the group at `position`, after which will be read, and make it and the stream if they are not there."""
        await self._make_group()
        info = await self._info()
        last = info["last-generated-id"].decode()
        if order(last) < order(position):
            # What comes must not lie before what was read already.
            logger.warning("%s ends at %s, before %s: it has lost its end, or is new", self.name, last, position)
            await self._connection.outcome(self._redis.eval(_SKIP, 1, self.name, position))
            last = position
        self._offset = info["entries-added"] - await self._count(position, last)
        await self.tell(position, 0)

    async def read(self, after: str, count: int, block_ms: int) -> list[Entry]:
        """Up to `count` entries after a position; waits up to `block_ms` for the first."""
        answer: Any = await self._connection.outcome(
            self._redis.xread({self.name: after}, count=count, block=max(1, block_ms))
        )
        entries = answer[0][1] if answer else []
        return [Entry(position.decode(), next(iter(fields.values()))) for position, fields in entries]

    async def tell(self, position: str, applied: int) -> int:
        """Move the group to a position, `applied` entries after that of `begin`; returns how many lie behind it."""
        read = self._offset + applied
        pipeline = self._redis.pipeline(transaction=False)
        pipeline.xgroup_setid(self.name, self.group, position, entries_read=read)
        pipeline.xinfo_stream(self.name)
        moved, info = await self._connection.outcome(pipeline.execute(raise_on_error=False))
        if isinstance(moved, redis.ResponseError):  # the store has lost the group
            await self.begin(position)
            self._offset -= applied
            info = await self._info()
        return max(0, int(info["entries-added"]) - read)

    async def set_aside(self, entry: Entry, reason: str) -> None:
        """Keep an entry that cannot be applied on the stream `NAME:poison`, with who could not and why."""
        fields: dict[Any, Any] = {
            "e": entry.payload,
            "position": entry.position,
            "consumer": self.group,
            "reason": reason,
        }
        await self._connection.outcome(
            self._redis.xadd(f"{self.name}:poison", fields, maxlen=POISON_LIMIT, approximate=True)
        )

    async def groups(self) -> list[str]:
        """Names of the groups of all readers."""
        pipeline = self._redis.pipeline(transaction=False)
        pipeline.xinfo_groups(self.name)
        [groups] = await self._connection.outcome(pipeline.execute(raise_on_error=False))
        # A stream that is not there is an error to the store.
        return [] if isinstance(groups, redis.ResponseError) else [group["name"].decode() for group in groups]

    async def remove_group(self, name: str) -> None:
        """Forget a reader that is no more: nobody waits for it then."""
        await self._connection.outcome(self._redis.xgroup_destroy(self.name, name))

    async def trim(self, slowest: str, retention_s: int) -> int:
        """Drop entries before the position `slowest` that are older than `retention_s`; returns how many."""
        oldest = f"{max(0, int((time.time() - retention_s) * 1000))}-0"
        before = min(slowest, oldest, key=order)
        return int(await self._connection.outcome(self._redis.xtrim(self.name, minid=before, approximate=True)))

    async def close(self) -> None:
        await self._connection.close()

    async def _make_group(self) -> None:
        pipeline = self._redis.pipeline(transaction=False)
        pipeline.xgroup_create(self.name, self.group, id="0-0", mkstream=True)
        [made] = await self._connection.outcome(pipeline.execute(raise_on_error=False))
        if isinstance(made, redis.ResponseError) and "BUSYGROUP" not in str(made):
            raise self._breaker.refused(str(made)) from made

    async def _info(self) -> dict[str, Any]:
        return cast(dict[str, Any], await self._connection.outcome(self._redis.xinfo_stream(self.name)))

    async def _count(self, after: str, last: str) -> int:
        """Entries in (after, last]."""
        total = 0
        while after != last:
            counted: Any = await self._connection.outcome(
                self._redis.eval(_COUNT, 1, self.name, f"({after}", last, COUNT_LIMIT)
            )
            found, after = counted[0], counted[1].decode()
            total += found
            if found < COUNT_LIMIT:
                break
        return total


def order(position: str) -> tuple[int, int]:
    """What positions are ordered by: milliseconds, and a number within them."""
    milliseconds, sequence = position.split("-")
    return int(milliseconds), int(sequence)
