"""What is on its way to the state store beside the answers: no answer waits for it, and it may be lost."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, NamedTuple, TypeVar

from cluster.store.breaker import StoreUnavailable
from cluster.store.client import OnlineStore
from cluster.store.coalescer import Coalescer

logger = logging.getLogger(__name__)

Item = TypeVar("Item")


class Pace(NamedTuple):
    """How items leave an outbox."""

    together: int  # written by one call at most
    linger_s: float  # how long more of them are waited for
    waiting: int  # that may wait at most: with more the store is too slow


class Outbox(Generic[Item]):
    """Writes what is put into it, together and in order. Belongs to one event loop."""

    def __init__(self, store: OnlineStore, write: Callable[[Sequence[Item]], Awaitable[object]], pace: Pace) -> None:
        self._store = store
        self._write = write
        self._pace = pace
        self._waiting = 0
        self._queue: Coalescer[Item, None] = Coalescer(self._send, pace.together)

    @property
    def open(self) -> bool:
        """Whether the store is there and keeps up; what is put in otherwise only grows what waits."""
        return self._store.available and self._waiting < self._pace.waiting

    def put(self, item: Item) -> None:
        """Have `item` written soon."""
        self._waiting += 1
        self._queue.submit(item)

    async def close(self) -> None:
        """Wait for what is under way."""
        await self._queue.close()

    async def _send(self, items: Sequence[Item]) -> Sequence[None]:
        await asyncio.sleep(self._pace.linger_s)
        self._waiting -= len(items)
        try:
            await self._write(items)
        except StoreUnavailable:
            pass  # its breaker has logged it
        except Exception:
            logger.exception("%d records could not be written", len(items))
        return [None] * len(items)
