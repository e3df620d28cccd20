"""A step that a replica repeats beside its requests: following what others write."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from cluster.ending import end
from cluster.store.breaker import StoreUnavailable

logger = logging.getLogger(__name__)


async def patiently(step: Callable[[], Awaitable[None]], patience_s: float, retry_s: float) -> StoreUnavailable | None:
    """Try `step` until the store is there; what was wrong with it when it is gone for longer than `patience_s`."""
    deadline = time.monotonic() + patience_s
    while True:
        try:
            await step()
            return None
        except StoreUnavailable as error:
            if time.monotonic() > deadline:
                return error
            await asyncio.sleep(retry_s)


class Repeated:
    """Repeats `step` in a task of its own from `start` to `close`, whatever it raises.

    That the store is gone is no news: its breaker has logged it.
    """

    def __init__(self, step: Callable[[], Awaitable[None]], pause_s: float, retry_s: float | None = None) -> None:
        """`pause_s`: between two steps; `retry_s`: after one that failed, where that is not the same."""
        self._step = step
        self._pause_s = pause_s
        self._retry_s = pause_s if retry_s is None else retry_s
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    def start(self) -> None:
        """Begin on the running event loop."""
        self._task = asyncio.create_task(self._forever())

    async def close(self) -> None:
        self._closed = True
        if self._task is not None:
            await end(self._task)

    async def _forever(self) -> None:
        # A cancellation alone does not end it: a client in the middle of connecting may swallow one.
        while not self._closed:
            pause_s = self._pause_s
            try:
                await self._step()
            except StoreUnavailable:
                pause_s = self._retry_s
            except Exception:
                logger.exception("%s failed, and is tried again", getattr(self._step, "__qualname__", self._step))
                pause_s = self._retry_s
            await asyncio.sleep(pause_s)
