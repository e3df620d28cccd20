"""The event log: an append-only stream in the online store."""

from collections.abc import Sequence

from cluster.events import Event, encode_event
from cluster.store.client import Appended, Entry, OnlineStore


class EventLog:
    """What `append` has acknowledged is on disk (with `store.fsync: always`) and is there once for its event id.

    The store remembers ids for `cluster.store.client.EVENT_ID_S` seconds; consumers are idempotent beyond that.
    """

    def __init__(self, store: OnlineStore) -> None:
        self._store = store

    async def append(self, events: Sequence[Event]) -> list[Appended]:
        """Append, in order; returns once the store has acknowledged all of them.

        An id that is already in the log is acknowledged with the position it has there. Raises StoreUnavailable:
        then any part may have been appended, and sending the events again is safe.
        """
        return await self._store.append([Entry(event.event_id, encode_event(event)) for event in events])
