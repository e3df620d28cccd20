"""Records of requests on their way to the state store: packed and written together, after the answers."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from typing import Final

from cluster.settings import Explain
from cluster.store.client import OnlineStore
from cluster.traced_feed import TracedFeed, encode_trace, trace_key
from deployments.side_effects.outbox import Outbox, Pace

logger = logging.getLogger(__name__)

PACE: Final = Pace(together=32, linger_s=0.05, waiting=64)

Packing = Callable[[], TracedFeed]

#: Seconds of the allowance that may be taken at once, some 25 records by default. More would weigh on the first feeds
#: of every rise in load: packing takes about as long as ranking.
AT_ONCE_S: Final = 4.0


class Allowance:
    """A token bucket of bytes: no period of `seconds` takes more than `size`."""

    def __init__(self, size: float, seconds: float) -> None:
        self._rate = size / (seconds + AT_ONCE_S)
        self._most = self._rate * AT_ONCE_S
        self._left = self._most
        self._at = time.monotonic()

    @property
    def left(self) -> float:
        now = time.monotonic()
        self._left = min(self._most, self._left + (now - self._at) * self._rate)
        self._at = now
        return self._left

    def take(self, size: int) -> None:
        """Use `size` of it, even if that is more than is left."""
        self._left -= size


class TraceWrites:
    """One for all releases of a feed server. Belongs to one event loop."""

    def __init__(self, store: OnlineStore, settings: Explain) -> None:
        self._store = store
        self._seconds = settings.keep_s
        self._allowance = Allowance(settings.memory_mb * 1e6, settings.keep_s)
        self._outbox = Outbox(store, self._write, PACE)

    @property
    def open(self) -> bool:
        """Whether the store is there and keeps up."""
        return self._outbox.open

    @property
    def affordable(self) -> bool:
        """Whether there is room for the record of a request that did not ask for it."""
        return self._allowance.left > 0

    def put(self, packing: Packing) -> None:
        """Write what `packing` will make."""
        self._outbox.put(packing)

    async def close(self) -> None:
        """Wait for what is under way."""
        await self._outbox.close()

    async def _write(self, batch: Sequence[Packing]) -> None:
        blobs = {}
        for packing in batch:
            try:
                traced = packing()
                blobs[trace_key(traced.request_id)] = encode_trace(traced)
            except Exception:
                logger.exception("what happened to a request could not be kept")
            await asyncio.sleep(0)  # requests go first
        self._allowance.take(sum(map(len, blobs.values())))
        await self._store.keep_all(blobs, self._seconds)  # if it is lost, these requests cannot be explained later
