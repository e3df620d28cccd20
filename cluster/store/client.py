"""The client of the online store, a Valkey or Redis 7, for the request path and for seeding.

Keys: `u:{user_id}` holds the packed state of a user; `{events}` is the stream of events and `{events}:{event_id}`
remembers for a while where in the stream an event lies (the braces keep them in one slot of a cluster). `seed`
names the data set that a new store was filled with.
"""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from typing import NamedTuple, Self, TypeVar, cast

import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from cluster.settings import Store
from cluster.store.breaker import Breaker, StoreUnavailable
from cluster.store.coalescer import Coalescer

T = TypeVar("T")

STREAM = b"{events}"
SEED = b"seed"
#: Users read by one command, and events appended by one: more would hold up everyone else's.
READ_LIMIT = 128
APPEND_LIMIT = 1000
#: Users written by one command while seeding, and how long that may take.
WRITE_LIMIT = 500
WRITE_S = 60.0
#: How long a write may take: it waits for the disk, and nobody waits for it to see a feed.
DISK_S = 1.0
#: How long the id of an event is remembered: a client that sends it again within it appends nothing.
EVENT_ID_S = 3600

#: KEYS: the stream, then a key per event. ARGV: seconds to remember an id, then a payload per event.
#: Answers [position, 1 if it is new] per event. All of it happens at once, and is on disk before the answer.
_APPEND = """
local answers = {}
for i = 2, #KEYS do
  local position = redis.call('GET', KEYS[i])
  local new = 0
  if not position then
    position = redis.call('XADD', KEYS[1], '*', 'e', ARGV[i])
    redis.call('SET', KEYS[i], position, 'EX', ARGV[1])
    new = 1
  end
  answers[i - 1] = {position, new}
end
return answers
"""


class Entry(NamedTuple):
    """An event to append: `payload` is appended once for one `event_id`, however often it is sent."""

    event_id: str
    payload: bytes


class Appended(NamedTuple):
    """Where in the stream an event lies, and whether this call put it there."""

    position: str
    new: bool


class Positions(NamedTuple):
    """Events in the stream, and the position of the last one; "0-0" before the first."""

    length: int
    last: str


class OnlineStore:
    """One connection for reads and one for appends, each shared by all tasks of one event loop.

    A read that takes longer than `settings.timeout_ms` raises StoreUnavailable and closes its connection. While
    the store is gone, calls raise it at once until it answers again (see `cluster.store.breaker`).
    """

    def __init__(self, url: str, settings: Store) -> None:
        self.url = url
        self._redis = _client(url, settings.timeout_ms / 1e3)
        self._writer = _client(url, DISK_S)
        self._breaker = Breaker(settings.retry_ms)
        self._reads = Coalescer(self._read, READ_LIMIT)
        self._appends = Coalescer(self._append, APPEND_LIMIT)

    @property
    def available(self) -> bool:
        """False from a failure until the store answers again."""
        return self._breaker.is_closed

    async def read_user(self, user_id: int) -> bytes | None:
        """The user's blob, None for a user unknown to the store; one round trip. Raises StoreUnavailable."""
        self._breaker.admit()
        return await self._reads.submit(user_id)

    async def append(self, entries: Sequence[Entry]) -> list[Appended]:
        """Append events to the stream, in order; returns once the store has acknowledged them all.

        Raises StoreUnavailable; then any part of them may be appended, and sending them again is safe.
        """
        if not entries:
            return []
        self._breaker.admit()
        return list(await asyncio.gather(*(self._appends.submit(entry) for entry in entries)))

    async def write_users(self, blobs: Mapping[int, bytes]) -> None:
        """Write the blobs of many users, for seeding. Raises StoreUnavailable."""
        users = list(blobs)
        client = _client(self.url, WRITE_S)
        try:
            for begin in range(0, len(users), WRITE_LIMIT):
                part = {_user_key(user): blobs[user] for user in users[begin : begin + WRITE_LIMIT]}
                await self._outcome(client.mset(part))
        finally:
            await client.aclose()

    async def read_mark(self) -> bytes | None:
        """What the store says it was filled with; None for a new one. Raises StoreUnavailable."""
        return cast(bytes | None, await self._outcome(self._redis.get(SEED)))

    async def write_mark(self, mark: bytes) -> None:
        """Note what the store has been filled with. Raises StoreUnavailable."""
        await self._outcome(self._writer.set(SEED, mark))

    async def ping(self) -> None:
        """Ask the store, even if it just failed. Raises StoreUnavailable."""
        await self._outcome(self._redis.ping())

    async def positions(self) -> Positions:
        """Where the event stream stands. Raises StoreUnavailable."""
        pipeline = self._redis.pipeline(transaction=False)
        pipeline.xlen(STREAM)
        pipeline.xrevrange(STREAM, count=1)
        length, last = await self._outcome(pipeline.execute())
        return Positions(length, last[0][0].decode() if last else "0-0")

    async def close(self) -> None:
        """Wait for what is under way, then disconnect."""
        await self._reads.close()
        await self._appends.close()
        await self._redis.aclose()
        await self._writer.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _read(self, user_ids: Sequence[int]) -> Sequence[bytes | None]:
        self._breaker.check()
        blobs = await self._outcome(self._redis.mget([_user_key(user) for user in user_ids]))
        return cast(Sequence[bytes | None], blobs)

    async def _append(self, entries: Sequence[Entry]) -> Sequence[Appended]:
        self._breaker.check()
        keys = [STREAM, *(b"%s:%s" % (STREAM, entry.event_id.encode()) for entry in entries)]
        payloads = [entry.payload for entry in entries]
        answers = await self._outcome(self._writer.eval(_APPEND, len(keys), *keys, EVENT_ID_S, *payloads))
        return [Appended(position.decode(), bool(new)) for position, new in answers]

    async def _outcome(self, answer: Awaitable[T]) -> T:
        """The answer; the breaker learns whether there was one."""
        try:
            result = await answer
        except redis.TimeoutError as error:
            raise self._breaker.failed(str(error), timeout=True) from error
        except (redis.ConnectionError, OSError) as error:
            raise self._breaker.failed(str(error)) from error
        except redis.RedisError as error:
            self._breaker.succeeded()
            raise StoreUnavailable(f"it refuses: {error}", self._breaker.retry_ms) from error
        self._breaker.succeeded()
        return result


def _user_key(user_id: int) -> bytes:
    return b"u:%d" % user_id


def _client(url: str, timeout_s: float) -> redis.asyncio.Redis:
    """RESP2 needs no handshake; retries are ours alone."""
    return redis.asyncio.Redis.from_url(
        url,
        protocol=2,
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
        retry=Retry(NoBackoff(), 0),
        decode_responses=False,
    )
