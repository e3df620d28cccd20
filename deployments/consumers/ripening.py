"""Events that wait until the people who caused them have had their time to act.

In memory: a restart forgets the impressions whose time was not over, which then teach nothing.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Final

import pyarrow as pa

from cluster.clock import Clock
from cluster.events import Erasure, Event, Record
from cluster.learning import Bandit, Online
from cluster.served import sampled
from deployments.consumers.consumer import Entry
from training.online.joining import shown_between

#: Events kept at most while they wait; the oldest go first.
WAITING: Final = 500_000


class Ripening:
    """Impressions become ripe `attribution_s` after they were shown, and are taken every `update_s` at most: settings
    of whoever learns from them.
    """

    def __init__(self, clock: Clock, settings: Bandit | Online) -> None:
        self._clock = clock
        self._share = settings.share
        self._attribution_ms = int(settings.attribution_s * 1000)
        self._update_ms = settings.update_s * 1000
        self._events: deque[Entry[Record]] = deque(maxlen=WAITING)
        self._taken_ms = self._ripe_ms = self._looked_ms = clock.now_ms()

    def add(self, entries: Sequence[Entry[Record]]) -> None:
        """Let events on posts wait, of the users that `sampled` takes; an erasure takes away what waits of its user."""
        for entry in entries:
            record = entry.record
            if isinstance(record, Erasure):
                self._forget(record.user_id)
            elif isinstance(record, Event) and record.post_id is not None and sampled(record.user_id, self._share):
                self._events.append(entry)

    def _forget(self, user_id: int) -> None:
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
