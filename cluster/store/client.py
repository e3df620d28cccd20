"""The client of the state store, a Valkey or Redis 7, for the request path and for seeding.

Keys: `u:{user_id}` holds the packed state of a user, `shown:{user_id}` what feeds have shown them lately. `seed` names
the data set that a new store was filled with; `clock` holds the offset of feed time for each data set served so far.
"""

from collections.abc import Mapping, Sequence
from typing import Final, cast

from cluster.settings import Store
from cluster.store.breaker import Breaker
from cluster.store.closing import Closing
from cluster.store.coalescer import Coalescer
from cluster.store.connection import Connection
from cluster.store.consumers import FILLING, position_key

SEED: Final = b"seed"
CLOCK: Final = b"clock"
#: Users read by one command: more would hold up everyone else's.
READ_LIMIT: Final = 128
#: Bytes of what feeds have shown a user: the last ones are read, and where there are too many all are forgotten.
SHOWN_KEPT: Final = 4 * 500
SHOWN_LIMIT: Final = 4 * 5_000
#: Blobs written by one command while seeding, and how long that may take.
WRITE_LIMIT: Final = 500
WRITE_S: Final = 60.0


class OnlineStore(Closing):
    """One connection, shared by all tasks of one event loop.

    A read that takes longer than `settings.timeout_ms` raises StoreUnavailable and closes its connection. While
    the store is gone, calls raise it at once until it answers again (see `cluster.store.breaker`).
    """

    def __init__(self, url: str, settings: Store) -> None:
        self.url = url
        self._breaker = Breaker("online store", settings.retry_ms)
        self._connection = Connection(url, settings.timeout_ms / 1e3, self._breaker)
        self._redis = self._connection.redis
        self._reads = Coalescer(self._read, READ_LIMIT)

    @property
    def available(self) -> bool:
        """False from a failure until the store answers again."""
        return self._breaker.is_closed

    async def read_user(self, user_id: int) -> bytes | None:
        """The user's blob, None for a user unknown to the store; one round trip. Raises StoreUnavailable."""
        self._breaker.admit()
        return await self._reads.submit(user_key(user_id))

    async def read_shown(self, user_id: int) -> bytes | None:
        """What `note_shown` has noted of a user, None for nothing; in the same round trip as a read begun beside it.

        Raises StoreUnavailable.
        """
        self._breaker.admit()
        noted = await self._reads.submit(shown_key(user_id))
        return None if noted is None else noted[-SHOWN_KEPT:]

    async def note_shown(self, notes: Sequence[tuple[int, bytes]], seconds: int) -> None:
        """Add to what feeds have shown users, for so long after the last feed. Raises StoreUnavailable."""
        pipeline = self._redis.pipeline(transaction=False)
        for user_id, posts in notes:
            pipeline.append(shown_key(user_id), posts)
            pipeline.expire(shown_key(user_id), seconds)
        lengths = (await self._connection.outcome(pipeline.execute()))[::2]
        long = [shown_key(user) for (user, _), length in zip(notes, lengths, strict=True) if length > SHOWN_LIMIT]
        if long:
            await self._connection.outcome(self._redis.unlink(*long))

    async def forget_shown(self, user_id: int) -> None:
        """Forget what feeds have shown a user. Raises StoreUnavailable."""
        await self._connection.outcome(self._redis.unlink(shown_key(user_id)))

    async def write_users(self, blobs: Mapping[int, bytes]) -> None:
        """Write the blobs of many users, for seeding. Raises StoreUnavailable."""
        await self.write({user_key(user): blob for user, blob in blobs.items()})

    async def write(self, blobs: Mapping[bytes, bytes]) -> None:
        """Write many blobs under their keys, for seeding. Raises StoreUnavailable."""
        items = list(blobs.items())
        connection = Connection(self.url, WRITE_S, self._breaker)
        try:
            for begin in range(0, len(items), WRITE_LIMIT):
                await connection.outcome(connection.redis.mset(dict(items[begin : begin + WRITE_LIMIT])))
        finally:
            await connection.close()

    async def keep_all(self, blobs: Mapping[bytes, bytes], seconds: int) -> None:
        """Write what is only needed for a while, in one round trip. Raises StoreUnavailable."""
        pipeline = self._redis.pipeline(transaction=False)
        for key, blob in blobs.items():
            pipeline.set(key, blob, ex=seconds)
        await self._connection.outcome(pipeline.execute())

    async def kept(self, key: bytes) -> bytes | None:
        """What `keep_all` has written, until it expires. Raises StoreUnavailable."""
        return cast(bytes | None, await self._connection.outcome(self._redis.get(key)))

    async def read_mark(self) -> bytes | None:
        """What the store says it was filled with; None for a new one. Raises StoreUnavailable."""
        return cast(bytes | None, await self._connection.outcome(self._redis.get(SEED)))

    async def begin_filling(self, consumers: Sequence[str], derived: tuple[bytes, ...]) -> None:
        """Remove the keys that begin with one of `derived`, and the mark; `consumers` cannot write until `end_filling`.

        So nothing that they write meanwhile mixes with what the store is filled with. Raises StoreUnavailable.
        """
        connection = Connection(self.url, WRITE_S, self._breaker)
        try:
            fence = connection.redis.pipeline()
            fence.delete(SEED)
            for name in consumers:
                fence.set(position_key(name), FILLING)
            await connection.outcome(fence.execute())
            cursor, begun = 0, False
            while cursor or not begun:
                scan = connection.redis.scan(cursor, count=WRITE_LIMIT)
                cursor, keys = cast(tuple[int, list[bytes]], await connection.outcome(scan))
                begun = True
                if gone := [key for key in keys if key.startswith(derived)]:
                    await connection.outcome(connection.redis.unlink(*gone))
        finally:
            await connection.close()

    async def end_filling(self, mark: bytes, positions: Mapping[str, str]) -> None:
        """Note what the store has been filled with, and where each consumer goes on from. Raises StoreUnavailable."""
        pipeline = self._redis.pipeline()
        for name, position in positions.items():
            pipeline.set(position_key(name), position)
        pipeline.set(SEED, mark)
        await self._connection.outcome(pipeline.execute())

    async def keep_clock(self, dataset: str, offset_ms: int) -> int:
        """The offset of feed time kept for the data set of that fingerprint; keeps `offset_ms` if there is none yet.

        Raises StoreUnavailable.
        """
        pipeline = self._redis.pipeline()
        pipeline.hsetnx(CLOCK, dataset, str(offset_ms))
        pipeline.hget(CLOCK, dataset)
        _, kept = await self._connection.outcome(pipeline.execute())
        return int(kept)

    async def ping(self) -> None:
        """Ask the store, even if it just failed. Raises StoreUnavailable."""
        await self._connection.outcome(self._redis.ping())

    async def close(self) -> None:
        """Wait for what is under way, then disconnect."""
        await self._reads.close()
        await self._connection.close()

    async def _read(self, keys: Sequence[bytes]) -> Sequence[bytes | None]:
        self._breaker.check()
        blobs = await self._connection.outcome(self._redis.mget(keys))
        return cast(Sequence[bytes | None], blobs)


def user_key(user_id: int) -> bytes:
    return b"u:%d" % user_id


def shown_key(user_id: int) -> bytes:
    return b"shown:%d" % user_id
