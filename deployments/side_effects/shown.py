"""What feeds have shown lately, kept for requests that ask for something else."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from cluster.cursor import marks
from cluster.store.breaker import StoreUnavailable
from cluster.store.client import OnlineStore
from cluster.store.coalescer import Coalescer
from deployments.catalogue.catalogue import Catalogue
from deployments.pipeline.candidates import Candidates
from deployments.pipeline.query import Query
from deployments.pipeline.side_effect import SideEffect
from deployments.pipeline.trace import Trace

#: Feeds noted by one command, and how long more of them are waited for, in seconds: people take longer to refresh.
BATCH: Final = 64
LINGER_S: Final = 0.02
#: Feeds that may wait; what comes beyond that is not noted.
WAITING: Final = 1024

Note = tuple[int, bytes]


class Shown(SideEffect):
    """Belongs to one event loop."""

    name = "shown"

    def __init__(self, store: OnlineStore, catalogue: Catalogue, minutes: int) -> None:
        self._store = store
        self._catalogue = catalogue
        self._seconds = 60 * minutes
        self._waiting = 0
        self._queue: Coalescer[Note, None] = Coalescer(self._write, BATCH)

    def enabled(self, query: Query) -> bool:
        return self._store.available and self._waiting < WAITING

    def note(self, query: Query, feed: Candidates, trace: Trace) -> None:
        if len(feed):
            self._waiting += 1
            posts = marks(self._catalogue.posts.post_ids[feed.rows])
            self._queue.submit((query.request.user_id, posts.tobytes()))

    async def _write(self, notes: Sequence[Note]) -> Sequence[None]:
        await asyncio.sleep(LINGER_S)
        self._waiting -= len(notes)
        with suppress(StoreUnavailable):  # who refreshes may be shown them again
            await self._store.note_shown(notes, self._seconds)
        return [None] * len(notes)
