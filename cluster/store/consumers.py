"""What consumers of streams keep in the state store: how far they have come, and how they are.

`position:{name}` is the position of the last entry whose effect is in the state; a consumer writes both at once. The
hash `consumers` holds what each tells of itself once a second.
"""

import time
from typing import Final, cast

import msgspec
from msgspec import Struct

from cluster.errors import CascadeError
from cluster.settings import Store
from cluster.store.breaker import Breaker
from cluster.store.closing import Closing
from cluster.store.connection import Connection

#: The position before the first entry of a stream.
START: Final = "0-0"
#: Stands for the position of a consumer while its state is being filled anew: it must not write then.
FILLING: Final = "filling"
_BOARD: Final = "consumers"

#: KEYS: the position. ARGV: what it must be for the write to happen, and what it becomes. Answers what it is then.
_ADVANCE: Final = """
local stored = redis.call('GET', KEYS[1]) or '0-0'
if stored ~= ARGV[1] then return stored end
redis.call('SET', KEYS[1], ARGV[2])
return ARGV[2]
"""


class Superseded(CascadeError):
    """Somebody else has moved the consumer's position meanwhile: nothing was written."""

    def __init__(self, name: str, expected: str, stored: str) -> None:
        super().__init__(f"consumer {name} stands at {stored}, not at {expected}", "It starts over from there.")


class ConsumerStatus(Struct, frozen=True, kw_only=True):
    """What a consumer tells of itself."""

    name: str
    stream: str
    position: str
    lag: int | None  # entries it has not applied yet
    entries_per_s: float
    applied: int  # entries since its process started
    poisoned: int  # entries set aside since its process started
    waiting: str | None  # why it does not go on at the moment
    updated_ms: int  # real time in Unix milliseconds
    pid: int | None = None  # of its process, on the machine where that runs

    @property
    def silent_s(self) -> float:
        """Seconds since it told this."""
        return max(0.0, time.time() - self.updated_ms / 1e3)


def position_key(name: str) -> str:
    """Key of a consumer's position, for those who write it together with their effects."""
    return f"position:{name}"


class Consumers(Closing):
    """Positions and reports of all consumers; one connection, for the tasks of one event loop."""

    def __init__(self, url: str, settings: Store) -> None:
        self._connection = Connection(url, settings.timeout_ms / 1e3, Breaker("online store", settings.retry_ms))
        self._redis = self._connection.redis

    async def position(self, name: str) -> str:
        """Position of the last entry whose effect is in the state, START before the first. Raises StoreUnavailable."""
        stored = await self._connection.outcome(self._redis.get(position_key(name)))
        return START if stored in (None, FILLING.encode()) else cast(bytes, stored).decode()

    async def advance(self, name: str, expected: str, position: str) -> None:
        """Move a consumer whose effects are not in this store. Raises Superseded or StoreUnavailable."""
        stored = await self._connection.outcome(self._redis.eval(_ADVANCE, 1, position_key(name), expected, position))
        if stored.decode() != position:
            raise Superseded(name, expected, stored.decode())

    async def put(self, name: str, position: str) -> None:
        """Set the position of a consumer that keeps it elsewhere too, with its effects. Raises StoreUnavailable."""
        await self._connection.outcome(self._redis.set(position_key(name), position))

    async def tell(self, status: ConsumerStatus) -> None:
        """Put a consumer's report in the place of its last one. Raises StoreUnavailable."""
        await self._connection.outcome(self._redis.hset(_BOARD, status.name, msgspec.msgpack.encode(status)))

    async def reports(self) -> list[ConsumerStatus]:
        """The last report of each consumer, by name. Raises StoreUnavailable."""
        told = cast(dict[bytes, bytes], await self._connection.outcome(self._redis.hgetall(_BOARD)))
        return [msgspec.msgpack.decode(told[name], type=ConsumerStatus) for name in sorted(told)]

    async def forget_reports(self) -> None:
        """Remove all reports, as of a Cascade that is gone. Raises StoreUnavailable."""
        await self._connection.outcome(self._redis.delete(_BOARD))

    async def close(self) -> None:
        await self._connection.close()
