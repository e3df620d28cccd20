"""Dropping what all consumers of a stream have applied and what is old enough."""

import asyncio
import logging
from typing import Final

from cluster.store.breaker import StoreUnavailable
from cluster.store.consumers import Consumers
from cluster.store.stream import Stream, order

logger = logging.getLogger(__name__)

#: How often streams are trimmed, in seconds.
PERIOD_S: Final = 30.0


async def trim_forever(stream: Stream, consumers: Consumers, retention_s: int) -> None:
    """Trim a stream every PERIOD_S; outages of the stores are passed over."""
    while True:
        try:
            await trim(stream, consumers, retention_s)
        except StoreUnavailable as error:
            logger.warning("%s is not trimmed: %s", stream.name, error)
        await asyncio.sleep(PERIOD_S)


async def trim(stream: Stream, consumers: Consumers, retention_s: int) -> int:
    """Drop entries that every consumer with a group has applied and that are older than `retention_s`.

    What counts is the stored position of each, not its group's. Returns how many were dropped. Raises
    StoreUnavailable.
    """
    positions = [await consumers.position(name) for name in await stream.groups()]
    return await stream.trim(min(positions, key=order), retention_s) if positions else 0
