"""Writing state together with the position it comes from: all at once, and only by whoever has come that far.

A consumer that dies between two batches goes on behind the last one whose effect is stored; two that run by mistake
cannot both apply a batch, for the second finds another position than it expects.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, cast

from cluster.settings import Store
from cluster.store.breaker import Breaker, StoreUnavailable
from cluster.store.connection import Connection
from cluster.store.consumers import FILLING, START, Superseded, position_key

#: How long one write may take: it may hold thousands of blobs.
WRITE_S: Final = 5.0
#: Keys read by one command.
READ_LIMIT: Final = 1000

#: KEYS: the position, the stream, then keys to set, then keys to delete. ARGV: expected position, new position, entry
#: for the stream ("" for none), entries that the stream keeps (0 = all); then for each key to set how many seconds it
#: lives (0 = for ever) and its value. Answers nothing, or the stored position if it is another than expected.
_WRITE: Final = """
local stored = redis.call('GET', KEYS[1]) or '0-0'
if stored ~= ARGV[1] then return stored end
local sets = (#ARGV - 4) / 2
for i = 1, sets do
  local seconds, value = ARGV[3 + 2 * i], ARGV[4 + 2 * i]
  if seconds == '0' then redis.call('SET', KEYS[2 + i], value)
  else redis.call('SET', KEYS[2 + i], value, 'EX', seconds) end
end
for i = 3 + sets, #KEYS do redis.call('DEL', KEYS[i]) end
if ARGV[3] ~= '' then
  if ARGV[4] == '0' then redis.call('XADD', KEYS[2], '*', 'e', ARGV[3])
  else redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[4], '*', 'e', ARGV[3]) end
end
redis.call('SET', KEYS[1], ARGV[2])
return false
"""


@dataclass(frozen=True, slots=True)
class Write:
    """What one batch changes."""

    values: Mapping[bytes, bytes] = field(default_factory=dict)
    deleted: Sequence[bytes] = ()
    brief: Mapping[bytes, tuple[int, bytes]] = field(default_factory=dict)  # key -> seconds to live, value
    stream: bytes = b""
    entry: bytes = b""  # for the stream; none if empty
    keep: int = 0  # entries the stream keeps, about; 0 = until it is trimmed behind its consumers


class FencedStore:
    """The state store as one consumer writes it; for the tasks of one event loop."""

    def __init__(self, url: str, settings: Store, name: str) -> None:
        self._name = name
        self._retry_ms = settings.retry_ms
        self._connection = Connection(url, WRITE_S, Breaker("online store", settings.retry_ms))
        self._redis = self._connection.redis

    async def position(self) -> str:
        """Position of the last batch whose effect is stored, START before the first.

        Raises StoreUnavailable, also while the store is being filled.
        """
        stored = await self._connection.outcome(self._redis.get(position_key(self._name)))
        if stored == FILLING.encode():
            raise StoreUnavailable("online store", "it is being filled", self._retry_ms)
        return START if stored is None else cast(bytes, stored).decode()

    async def read(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """The value of each key, None where there is none. Raises StoreUnavailable."""
        values: list[bytes | None] = []
        for begin in range(0, len(keys), READ_LIMIT):
            part = list(keys[begin : begin + READ_LIMIT])
            values += cast(list[bytes | None], await self._connection.outcome(self._redis.mget(part)))
        return values

    async def write(self, expected: str, position: str, change: Write) -> None:
        """Apply `change` and move from `expected` to `position`, at once. Raises Superseded or StoreUnavailable."""
        keys = [
            position_key(self._name).encode(),
            change.stream or b"-",
            *change.values,
            *change.brief,
            *change.deleted,
        ]
        arguments: list[bytes | str | int] = [expected, position, change.entry, change.keep]
        for value in change.values.values():
            arguments += (0, value)
        for seconds, value in change.brief.values():
            arguments += (seconds, value)
        stored = await self._connection.outcome(self._redis.eval(_WRITE, len(keys), *keys, *arguments))
        if stored is not None:
            raise Superseded(self._name, expected, stored.decode())

    async def close(self) -> None:
        await self._connection.close()
