"""Waiting for what must come soon; the limits are for machines that are busy."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

SECONDS = 60.0


def until(condition: Callable[[], Any], seconds: float = SECONDS) -> Any:
    """What `condition` says as soon as it says something true."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
    return found


async def until_async(condition: Callable[[], Any], seconds: float = SECONDS) -> Any:
    """The same while the event loop goes on."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.005)
    return found
