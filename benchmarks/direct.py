"""Calls that a coroutine of this process answers: what a server's parts do without the server."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from benchmarks.http_client import BROKEN, PENDING, TIMEOUT, Call
from cluster.store.breaker import StoreUnavailable

OK = 200


class Direct:
    """Takes calls as `benchmarks.http_client.Pool` does. `answer` gets the payload of each; they may overlap."""

    def __init__(self, answer: Callable[[bytes], Awaitable[object]]) -> None:
        self._answer = answer
        self._tasks: set[asyncio.Task[None]] = set()

    def submit(self, call: Call) -> None:
        """Begin to answer `call`. It ends with 200, or as broken when the store is gone."""
        call.sent = time.monotonic()
        task = asyncio.get_running_loop().create_task(self._end(call))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def expire(self, call: Call) -> None:
        """Give `call` up; what answers it goes on to its end."""
        call.finish(TIMEOUT)

    async def _end(self, call: Call) -> None:
        try:
            await self._answer(call.payload)
        except StoreUnavailable:
            status = BROKEN
        else:
            status = OK
        if call.status == PENDING:
            call.finish(status)
