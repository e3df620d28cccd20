"""What feeds have shown lately, kept for requests that ask for something else."""

from collections.abc import Sequence
from typing import Final

from cluster.cursor import marks
from cluster.store.client import OnlineStore
from deployments.catalogue.catalogue import Catalogue
from deployments.pipeline.candidates import Candidates
from deployments.pipeline.query import Query
from deployments.pipeline.side_effect import SideEffect
from deployments.pipeline.trace import Trace
from deployments.side_effects.outbox import Outbox, Pace

#: People take longer to refresh.
PACE: Final = Pace(together=64, linger_s=0.02, waiting=1024)

Note = tuple[int, bytes]


class Shown(SideEffect):
    """Belongs to one event loop."""

    name = "shown"

    def __init__(self, store: OnlineStore, catalogue: Catalogue, minutes: int) -> None:
        self._store = store
        self._catalogue = catalogue
        self._seconds = 60 * minutes
        self._outbox = Outbox(store, self._write, PACE)

    def enabled(self, query: Query) -> bool:
        return self._outbox.open

    def note(self, query: Query, feed: Candidates, trace: Trace) -> None:
        if len(feed):
            posts = marks(self._catalogue.posts.post_ids[feed.rows])
            self._outbox.put((query.request.user_id, posts.tobytes()))

    async def close(self) -> None:
        await self._outbox.close()

    async def _write(self, notes: Sequence[Note]) -> None:
        await self._store.note_shown(notes, self._seconds)  # if it is lost, who refreshes may be shown them again
