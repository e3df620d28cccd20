"""What this replica runs, and how stores and consumers are."""

from cluster.event_log import EventLog
from cluster.store.breaker import StoreUnavailable
from cluster.store.consumers import Consumers, ConsumerStatus
from cluster.wire import EventsStatus, Status, StoreStatus
from deployments.api.pressure import Pressure
from deployments.replica import Replica


class StatusService:
    """A replica is ready without its stores too: it then answers popular feeds."""

    def __init__(self, replica: Replica, log: EventLog, consumers: Consumers, pressure: Pressure) -> None:
        self._replica = replica
        self._log = log
        self._consumers = consumers
        self._pressure = pressure

    async def status(self) -> Status:
        store, consumers = await self._state()
        live = self._replica.live
        return Status(
            ready=True,
            release=live.name,
            feed_time_ms=self._replica.clock.now_ms(),
            store=store,
            events=await self._events(),
            consumers=consumers,
            catalogue=live.follower.status(),
            replica=self._replica.releases.status(),
        )

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
