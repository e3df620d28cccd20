"""The simplest consumer: it adds up numbers in the state store."""

import asyncio
from collections.abc import Sequence

from cluster.store.breaker import Breaker
from cluster.store.connection import Connection
from cluster.store.consumers import START, Superseded, position_key
from deployments.consumers.consumer import Batching, Entry

_ADD = """
local stored = redis.call('GET', KEYS[1]) or '0-0'
if stored ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
redis.call('INCRBY', KEYS[2], ARGV[3])
redis.call('INCRBY', KEYS[3], ARGV[4])
return 1
"""


class Adder:
    """Sum and number of the decimal numbers of a stream; cannot bear a 13."""

    stream = "{numbers}"

    def __init__(self, url: str, name: str = "adder", batching: Batching = Batching()) -> None:  # noqa: B008
        self.name = name
        self.batching = batching
        self.batches: list[int] = []
        self.delay_s = 0.0
        self._connection = Connection(url, 2.0, Breaker("store", 50))
        self._position = START

    def decode(self, payload: bytes) -> int:
        return int(payload)

    async def position(self) -> str:
        stored = await self._connection.outcome(self._connection.redis.get(position_key(self.name)))
        self._position = stored.decode() if stored else START
        return self._position

    async def apply(self, entries: Sequence[Entry[int]], position: str) -> None:
        if any(entry.record == 13 for entry in entries):
            raise ValueError("13")
        await asyncio.sleep(self.delay_s)
        keys = (position_key(self.name), f"sum:{self.name}", f"count:{self.name}")
        numbers = [entry.record for entry in entries]
        written = await self._connection.outcome(
            self._connection.redis.eval(_ADD, 3, *keys, self._position, position, sum(numbers), len(numbers))
        )
        if not written:
            raise Superseded(self.name, self._position, "elsewhere")
        self._position = position
        self.batches.append(len(numbers))

    async def close(self) -> None:
        await self._connection.close()
