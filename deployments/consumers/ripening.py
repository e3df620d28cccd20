"""Events that wait until the people who caused them have had their time to act.

In memory: a restart forgets the impressions whose time was not over, which then teach nothing.
"""

import asyncio
from collections import deque
from typing import Final

import pyarrow as pa

from cluster.clock import Clock
from cluster.events import Record
from deployments.consumers.consumer import Entry
from training.online.joining import shown_between

#: Events kept at most while they wait; the oldest go first.
WAITING: Final = 500_000


class Ripening:
    """Impressions become ripe `attribution_s` after they were shown, and are taken every `update_s` at most."""

    def __init__(self, clock: Clock, attribution_s: float, update_s: float) -> None:
        self._clock = clock
        self._attribution_ms = int(attribution_s * 1000)
        self._update_ms = update_s * 1000
        self._events: deque[Entry[Record]] = deque(maxlen=WAITING)
        self._taken_ms = self._ripe_ms = self._looked_ms = clock.now_ms()

    def add(self, entry: Entry[Record]) -> None:
        self._events.append(entry)

    def forget(self, user_id: int) -> None:
        kept = [entry for entry in self._events if entry.record.user_id != user_id]
        self._events.clear()
        self._events += kept

    @property
    def due(self) -> bool:
        """Whether it is time to look again."""
        return self._clock.now_ms() - self._looked_ms >= self._update_ms

    async def ripe(self) -> pa.Table:
        """Impressions, as `shown_between` has them, that are ripe and have not been taken yet."""
        self._looked_ms = self._clock.now_ms()
        self._ripe_ms = self._looked_ms - self._attribution_ms
        while self._events and self._events[0].record.time_ms < self._taken_ms:
            self._events.popleft()
        return await asyncio.to_thread(shown_between, list(self._events), self._taken_ms, self._ripe_ms)

    def taken(self) -> None:
        """The last ripe ones were learned from, and will not come again."""
        self._taken_ms = self._ripe_ms
