"""What is on its way to the state store beside the answers: no answer waits for it, and it may be lost."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, NamedTuple, TypeVar

from cluster.store.breaker import StoreUnavailable
from cluster.store.client import OnlineStore

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
        self._items: list[Item] = []
        self._task: asyncio.Task[None] | None = None

    @property
    def open(self) -> bool:
        """Whether the store is there and keeps up; what is put in otherwise only grows what waits."""
        return self._store.available and len(self._items) < self._pace.waiting

    def put(self, item: Item) -> None:
        """Have `item` written soon."""
        self._items.append(item)
        if self._task is None:
            self._task = asyncio.create_task(self._drain())

    async def close(self) -> None:
        """Wait for what is under way."""
        if self._task is not None:
            await self._task

    async def _drain(self) -> None:
        while self._items:
            await asyncio.sleep(self._pace.linger_s)
            batch, self._items = self._items[: self._pace.together], self._items[self._pace.together :]
            try:
                await self._write(batch)
            except StoreUnavailable:
                pass  # its breaker has logged it
            except Exception:
                logger.exception("%d records could not be written", len(batch))
        self._task = None
