"""Ending tasks that go on for ever."""

import asyncio
from typing import Any, Final

#: How long a task may take to end before it is told again, in seconds.
AGAIN_S: Final = 1.0


async def end(task: "asyncio.Task[Any]") -> None:
    """Cancel a task and wait until it has ended. Raises what it failed with, if it failed.

    Once is not enough: before Python 3.12, `asyncio.wait_for`, with which redis-py sends, swallows a cancellation that
    comes at the same moment as its answer.
    """
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=AGAIN_S)
    if not task.cancelled():
        task.result()
