"""A server that takes events as Cascade does, at a loss for nothing but what it is told to lack."""

import time
from dataclasses import dataclass, field

import msgspec
import numpy as np
from aiohttp import web

from cluster.event_log import STREAM
from cluster.settings import Store
from cluster.store.client import OnlineStore
from cluster.store.consumers import ConsumerStatus
from cluster.store.release_board import ReplicaStatus
from cluster.user_state import EVENT, UserState, pack
from cluster.wire import CatalogueStatus, EventsResponse, EventsStatus, Status, StoreStatus


def replica() -> ReplicaStatus:
    """A feed server that serves one release and does nothing else."""
    return ReplicaStatus(
        id="1", release="r", trial=None, revision=1, loading=None, refused=None, shadow=None, updated_ms=0
    )


def consumer(name: str = "users", lag: int | None = 0, applied: int = 0, **said) -> ConsumerStatus:
    """What a consumer that reads the event log tells now."""
    return ConsumerStatus(
        **{
            "name": name,
            "stream": STREAM,
            "position": "1-0",
            "lag": lag,
            "entries_per_s": 0.0,
            "applied": applied,
            "poisoned": 0,
            "waiting": None,
            "updated_ms": time.time_ns() // 1_000_000,
        }
        | said
    )


@dataclass
class Cascade:
    """Answers /v1/events and /v1/status. With a store, it applies lone impressions at once."""

    store_url: str | None = None
    store: OnlineStore | None = None  # made on the loop that uses it
    #: Events of a batch from which on batches are refused with 429.
    refuses: int = 10**9
    lag: int | None = 0
    consumers: list[str] = field(default_factory=lambda: ["users"])
    taken: list[dict] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.Response:
        if request.path == "/v1/status":
            return web.Response(body=msgspec.json.encode(self._status()), content_type="application/json")
        body = await request.json()
        events = body.get("events", [body])
        if len(events) >= self.refuses:
            return web.Response(status=429, body=b"{}")
        self.taken += events
        if self.store_url is not None and "events" not in body:
            self.store = self.store or OnlineStore(self.store_url, Store())
            await self._apply(self.store, body)
        return web.Response(body=msgspec.json.encode(EventsResponse(len(events), 0, [])))

    async def _apply(self, store: OnlineStore, event: dict) -> None:
        shown = [(each["post_id"], 1, 0, 0.0) for each in self.taken if each["user_id"] == event["user_id"]]
        history = np.array(shown, EVENT).tobytes()
        await store.write_users({event["user_id"]: pack(UserState(history=history))})

    def _status(self) -> Status:
        told = [consumer(name, self.lag, len(self.taken)) for name in self.consumers]
        return Status(
            ready=True,
            release="r",
            feed_time_ms=0,
            store=StoreStatus(True),
            events=EventsStatus(True, len(self.taken), "1-0", None),
            consumers=told,
            catalogue=CatalogueStatus(posts=1, removed=0, fresh=0, position="0-0", behind_ms=0),
            replica=replica(),
        )
