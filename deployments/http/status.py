"""GET /v1/status and /readyz: what this replica runs, and how stores and consumers are."""

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from cluster.event_log import EventLog
from cluster.store.breaker import StoreUnavailable
from cluster.store.consumers import Consumers, ConsumerStatus
from cluster.wire import EventsStatus, Status, StoreStatus
from deployments.catalogue.follower import Follower
from deployments.feed_service import FeedService
from deployments.http.answers import json_answer
from deployments.http.pressure import Pressure


class StatusRoute:
    """The handler. A replica is ready without its stores too: it then answers popular feeds."""

    def __init__(
        self, feeds: FeedService, follower: Follower, log: EventLog, consumers: Consumers, pressure: Pressure
    ) -> None:
        self._feeds = feeds
        self._follower = follower
        self._log = log
        self._consumers = consumers
        self._pressure = pressure

    async def get(self, request: Request) -> Response:
        store, consumers = await self._state()
        status = Status(
            ready=True,
            release=self._feeds.release,
            feed_time_ms=self._feeds.clock.now_ms(),
            store=store,
            events=await self._events(),
            consumers=consumers,
            catalogue=self._follower.status(),
        )
        return json_answer(msgspec.json.encode(status))

    async def _state(self) -> tuple[StoreStatus, list[ConsumerStatus] | None]:
        try:
            return StoreStatus(True), await self._consumers.reports()
        except StoreUnavailable:
            return StoreStatus(False), None

    async def _events(self) -> EventsStatus:
        try:
            positions = await self._log.positions()
        except StoreUnavailable:
            return EventsStatus(False, None, None, self._pressure.reason)
        return EventsStatus(True, positions.length, positions.last, self._pressure.reason)
