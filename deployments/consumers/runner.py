"""Feeding a consumer: in order, without a gap, through outages and past entries that cannot be applied."""

import asyncio
import logging
import os
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Final, Generic, TypeVar

from cluster.ending import end
from cluster.store import stream
from cluster.store.breaker import StoreUnavailable
from cluster.store.consumers import START, Consumers, ConsumerStatus, Superseded
from cluster.store.stream import Stream
from deployments.consumers.consumer import Consumer, Entry, NotNow
from deployments.consumers.metrics import ConsumerMetrics

T = TypeVar("T")

logger = logging.getLogger(__name__)

#: How long a read waits for an entry, in milliseconds.
BLOCK_MS: Final = 500
#: Entries read by one command: more would hold up everyone else's.
READ_LIMIT: Final = 2000
#: Pauses between tries while something is gone, in seconds: doubled from the first to the last.
FIRST_PAUSE_S: Final = 0.05
LAST_PAUSE_S: Final = 2.0
#: How often the consumer's state is told, in seconds.
REPORT_S: Final = 1.0


class Runner(Generic[T]):
    """Runs one consumer until it is cancelled. Belongs to one event loop."""

    def __init__(self, consumer: Consumer[T], source: Stream, consumers: Consumers, metrics: ConsumerMetrics) -> None:
        self._consumer = consumer
        self._source = source
        self._consumers = consumers
        self._metrics = metrics
        self._position = START
        self._applied = 0  # entries since the start of this process
        self._begun_at = 0  # of these, how many when it last began to read
        self._poisoned = 0
        self._raw: dict[str, stream.Entry] = {}  # what is being applied, as it came
        self._waiting: str | None = None
        self._applying = False
        self._moved = False  # the stored position is not ours any more

    async def run(self) -> None:
        """Consume until cancelled."""
        reports = asyncio.create_task(self._report_forever())
        pause = FIRST_PAUSE_S
        try:
            while True:
                applied = self._applied
                try:
                    await self._consume()
                except Superseded as error:
                    logger.warning("%s", error)
                    await asyncio.sleep(FIRST_PAUSE_S)
                except Exception as error:
                    # A bug in a consumer must not end it for good: it may be about a state that will pass.
                    expected = isinstance(error, StoreUnavailable | NotNow)
                    logger.log(logging.WARNING if expected else logging.ERROR, "%s", error, exc_info=not expected)
                    self._waiting = str(error)
                    pause = FIRST_PAUSE_S if self._applied > applied else min(2 * pause, LAST_PAUSE_S)
                    await asyncio.sleep(pause)
        finally:
            await end(reports)

    async def _consume(self) -> None:
        """Begin at the stored position and go on until something fails or that position is moved by others."""
        self._position = await self._consumer.position()
        await self._source.begin(self._position)
        self._begun_at, self._moved, self._waiting = self._applied, False, None
        while not self._moved:
            _obey_cancellation()
            raw = await self._collect()
            if not raw:
                continue
            self._applying = True
            try:
                self._raw = {entry.position: entry for entry in raw}
                await self._apply(await self._decoded(raw), raw[-1].position)
            finally:
                self._applying = False
            self._waiting = None
            self._applied += len(raw)
            self._metrics.applied(len(raw))

    async def _collect(self) -> list[stream.Entry]:
        """The next entries: those that are there, or that come while the consumer is willing to wait for more."""
        limit, linger_s = self._consumer.batching
        entries = await self._source.read(self._position, min(limit, READ_LIMIT), BLOCK_MS)
        deadline = time.monotonic() + linger_s
        while entries and len(entries) < limit and (left_s := deadline - time.monotonic()) > 0:
            wait_ms = min(BLOCK_MS, int(left_s * 1e3))
            entries += await self._source.read(entries[-1].position, min(limit - len(entries), READ_LIMIT), wait_ms)
        return entries

    async def _decoded(self, raw: Sequence[stream.Entry]) -> list[Entry[T]]:
        entries = []
        for entry in raw:
            try:
                entries.append(Entry(entry.position, self._consumer.decode(entry.payload)))
            except Exception as error:
                await self._set_aside(entry, error)
        return entries

    async def _apply(self, entries: Sequence[Entry[T]], position: str) -> None:
        """Apply entries; halves of them, and so on, when one is bad, which is then set aside."""
        try:
            await self._consumer.apply(entries, position)
        except (StoreUnavailable, NotNow, Superseded):
            raise
        except Exception as error:
            if not entries:
                raise
            if len(entries) == 1:
                await self._set_aside(self._raw[entries[0].position], error)
                await self._apply([], position)
                return
            half = len(entries) // 2
            await self._apply(entries[:half], entries[half - 1].position)
            await self._apply(entries[half:], position)
        else:
            self._position = position

    async def _set_aside(self, entry: stream.Entry, error: Exception) -> None:
        reason = f"{type(error).__name__}: {error}"[:500]
        logger.error("%s sets entry %s aside: %s", self._consumer.name, entry.position, reason)
        await self._source.set_aside(entry, reason)
        self._poisoned += 1
        self._metrics.poisoned()

    async def _report_forever(self) -> None:
        before, seen = time.monotonic(), 0
        while True:
            await asyncio.sleep(REPORT_S)
            now, applied = time.monotonic(), self._applied
            rate = (applied - seen) / (now - before)
            before, seen = now, applied
            try:
                await self._report(rate)
            except StoreUnavailable:
                continue  # the consumer itself says so
            except Exception:
                logger.exception("%s cannot tell how it is", self._consumer.name)

    async def _report(self, rate: float) -> None:
        """Tell group, metrics and state store; and find out whether the state store has lost what was written."""
        lag = None
        with suppress(StoreUnavailable):
            lag = await self._source.tell(self._position, self._applied - self._begun_at)
            self._metrics.lag(lag)
        position = self._position
        stored = await self._consumers.position(self._consumer.name)
        if stored != position and position == self._position and not self._applying:
            self._moved = True
        await self._consumers.tell(
            ConsumerStatus(
                name=self._consumer.name,
                stream=self._consumer.stream,
                position=position,
                lag=lag,
                entries_per_s=round(rate, 1),
                applied=self._applied,
                poisoned=self._poisoned,
                waiting=self._waiting,
                updated_ms=time.time_ns() // 1_000_000,
                pid=os.getpid(),
            )
        )


def _obey_cancellation() -> None:
    """End a task that was cancelled. A client may have swallowed that, when its answer came at the same moment."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
