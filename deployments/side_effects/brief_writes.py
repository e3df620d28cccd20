"""Writes to the state store that no answer waits for, and that may be lost."""

import asyncio
from contextlib import suppress
from typing import Final

from cluster.learning import Bandit, Online
from cluster.store.breaker import StoreUnavailable
from cluster.store.client import OnlineStore

#: Writes under way at most; with more the store is too slow, and new ones are let go.
UNDER_WAY: Final = 64
#: How much longer than they are needed values are kept, in seconds: events may be late.
MARGIN_S: Final = 600


class BriefWrites:
    """Values that are kept until a consumer has learned from them. Belongs to one event loop."""

    def __init__(self, store: OnlineStore, settings: Bandit | Online) -> None:
        """`settings`: of that consumer."""
        self._store = store
        self._seconds = int(settings.attribution_s + settings.update_s) + MARGIN_S
        self._writing: set[asyncio.Task[None]] = set()

    @property
    def possible(self) -> bool:
        """Whether the store is there and keeps up."""
        return self._store.available and len(self._writing) < UNDER_WAY

    def put(self, key: bytes, blob: bytes) -> None:
        """Write in a task of its own."""
        task = asyncio.get_running_loop().create_task(self._keep(key, blob))
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    async def _keep(self, key: bytes, blob: bytes) -> None:
        with suppress(StoreUnavailable):  # one that is lost teaches nothing
            await self._store.keep(key, blob, self._seconds)
