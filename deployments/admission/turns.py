"""Turns on an event loop: one feed at a time, first come first served."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Turns:
    """Of the tasks of one event loop. Who has had a turn and comes back goes before those who have had none: it was
    here before them, and its feed is nearly done.
    """

    def __init__(self) -> None:
        self.held = False
        self._back: deque[asyncio.Future[None]] = deque()
        self._new: deque[asyncio.Future[None]] = deque()

    @asynccontextmanager
    async def one(self, back: bool = False) -> AsyncIterator[None]:
        """A turn, for the time of an `async with`."""
        await self._take(self._back if back else self._new)
        try:
            yield
        finally:
            self._pass_on()

    async def _take(self, queue: "deque[asyncio.Future[None]]") -> None:
        if not self.held:
            self.held = True
            return
        mine = asyncio.get_running_loop().create_future()
        queue.append(mine)
        try:
            await mine
        except asyncio.CancelledError:
            if mine.done() and not mine.cancelled():  # it had just been handed over
                self._pass_on()
            raise

    def _pass_on(self) -> None:
        """Hand the turn to whoever is next: nobody who comes between gets it."""
        for queue in (self._back, self._new):
            while queue:
                following = queue.popleft()
                if not following.done():
                    following.set_result(None)
                    return
        self.held = False
