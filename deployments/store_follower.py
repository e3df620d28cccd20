"""Following one value of the state store, read again and again."""

from abc import ABC, abstractmethod
from contextlib import suppress
from typing import Final, cast

from cluster.settings import Store
from cluster.store.breaker import Breaker, StoreUnavailable
from cluster.store.connection import Connection
from deployments.repeating import Repeated

TIMEOUT_S: Final = 1.0
#: How often it is looked up, in seconds: what is learned changes every few minutes.
LOOK_S: Final = 2.0


class StoreFollower(ABC):
    """Keeps something as the state store has it. While the store is gone, it stays as it was."""

    def __init__(self, key: bytes, url: str, settings: Store) -> None:
        self._key = key
        self._connection = Connection(url, TIMEOUT_S, Breaker("online store", settings.retry_ms))
        self._redis = self._connection.redis
        self._followed: bytes | None = None
        self._following = Repeated(self.follow, LOOK_S)

    @abstractmethod
    def take(self, blob: bytes | None) -> None:
        """Take in what is stored; None when nothing is."""

    async def catch_up(self) -> None:
        """Take what is stored, if the store is there."""
        with suppress(StoreUnavailable):
            await self.follow()

    def start(self) -> None:
        """Follow in a task of its own until `close`."""
        self._following.start()

    async def close(self) -> None:
        await self._following.close()
        await self._connection.close()

    async def follow(self) -> None:
        """Take what is stored, if it has changed. Raises StoreUnavailable."""
        blob = cast(bytes | None, await self._connection.outcome(self._redis.get(self._key)))
        if blob != self._followed:
            self._followed = blob
            self.take(blob)
