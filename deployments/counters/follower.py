"""Following the posts consumer: all counters once, then each update."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, cast

import msgspec
import numpy as np

from cluster.post_counters import (
    STREAM,
    TOTALS,
    TRENDING,
    UnreadableCounters,
    author_key,
    decode_trending,
    decode_update,
    post_key,
    unpack_record,
)
from cluster.settings import Store
from cluster.store.breaker import Breaker
from cluster.store.connection import Connection
from deployments.catalogue.catalogue import Catalogue
from deployments.counters.live_counters import LiveCounters
from deployments.repeating import Repeated, patiently
from kernels.columns import I64

logger = logging.getLogger(__name__)

#: Keys read by one command while loading: more would hold up readers of users.
READ_LIMIT: Final = 500
TIMEOUT_S: Final = 5.0
#: How long one question waits for news, how many updates it takes, and the pause after a failure.
BLOCK_MS: Final = 500
UPDATES: Final = 16
RETRY_S: Final = 0.25


class CounterFollower:
    """Brings a replica's counters to what the state store knows, and keeps them there."""

    def __init__(self, catalogue: Catalogue, counters: LiveCounters, url: str, settings: Store) -> None:
        self._catalogue = catalogue
        self._counters = counters
        self._connection = Connection(url, TIMEOUT_S, Breaker("online store", settings.retry_ms))
        self._redis = self._connection.redis
        self._position: str | None = None  # of the last update applied; None = all must be read anew
        self._following = Repeated(self._follow, pause_s=0, retry_s=RETRY_S)

    async def catch_up(self, patience_s: float) -> bool:
        """Load before the first request; False when the store is gone for so long.

        Counters are then those of the release, until `start` has found the store again.
        """
        if missing := await patiently(self.load, patience_s, RETRY_S):
            logger.warning("the counters are those of the release: %s", missing)
        return missing is None

    def start(self) -> None:
        """Follow in a task of its own until `close`."""
        self._following.start()

    async def close(self) -> None:
        await self._following.close()
        await self._connection.close()

    async def load(self) -> None:
        """Read all counters. Raises StoreUnavailable."""
        last: Any = await self._connection.outcome(self._redis.xrevrange(STREAM, count=1))
        table = self._catalogue.posts
        await self._read(table.post_ids, post_key, self._counters.take_posts)
        await self._read(table.author_ids, author_key, self._counters.take_authors)
        totals, trending = cast(
            list[bytes | None], await self._connection.outcome(self._redis.mget([TOTALS, TRENDING]))
        )
        if totals is not None:
            self._counters.take_totals(unpack_record(totals)[0]["counts"])
        self._counters.take_trending(decode_trending(trending))
        # Updates since `last` are applied once more: they are values, not differences.
        self._position = last[0][0].decode() if last else "0-0"

    async def _read(
        self,
        ids: I64,
        key: Callable[[int], bytes],
        take: Callable[[I64, "np.ndarray[tuple[int], np.dtype[np.void]]"], None],
    ) -> None:
        """Read the records of `ids`, those there are, and let `take` have them."""
        for begin in range(0, len(ids), READ_LIMIT):
            part = ids[begin : begin + READ_LIMIT]
            blobs = cast(
                list[bytes | None], await self._connection.outcome(self._redis.mget([key(i) for i in part.tolist()]))
            )
            records, found = [], []
            for at, blob in enumerate(blobs):
                if blob is not None:
                    with suppress(UnreadableCounters):  # the consumer begins them anew
                        records.append(unpack_record(blob))
                        found.append(at)
            if found:
                take(part[found], np.concatenate(records))

    async def _follow(self) -> None:
        """Apply the next updates, waiting for them a moment; read everything anew after a failure."""
        if self._position is None:
            await self.load()
        try:
            await self._take_next()
        except Exception:
            self._position = None  # updates may be gone by the time the store is back
            raise

    async def _take_next(self) -> None:
        assert self._position is not None
        reading = self._redis.xread({STREAM: self._position}, count=UPDATES, block=BLOCK_MS)
        answer: Any = await self._connection.outcome(reading)
        for _, entries in answer:
            for position, fields in entries:
                with suppress(msgspec.DecodeError):
                    self._counters.take(decode_update(fields[b"e"]))
                self._position = position.decode()
                await asyncio.sleep(0)  # requests first
