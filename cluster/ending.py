"""Ending tasks that go on for ever."""

import asyncio
from typing import Any, Final

#: How long a task may take to end before it is told again, in seconds.
AGAIN_S: Final = 1.0


async def end(task: "asyncio.Task[Any]") -> None:
    """Cancel a task and wait until it has ended, even if this is cancelled meanwhile: nothing is left running behind
    whoever closes what it uses. Raises what it failed with, if it failed.

    Once is not enough: before Python 3.12, `asyncio.wait_for`, with which redis-py sends, swallows a cancellation that
    comes at the same moment as its answer.
    """
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        task.cancel()
        try:
            await asyncio.wait([task], timeout=AGAIN_S)
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled
    if not task.cancelled():
        task.result()
