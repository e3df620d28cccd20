"""Everything that can be asked of the feed server. HTTP and gRPC carry it, and add nothing."""

from dataclasses import dataclass
from typing import Self

from cluster.event_log import EventLog
from cluster.settings import Settings
from cluster.store.consumers import Consumers
from cluster.store.urls import StoreUrls
from deployments.api.events import EventService
from deployments.api.explanations import ExplainService
from deployments.api.posts import PostService
from deployments.api.pressure import Pressure
from deployments.api.status import StatusService
from deployments.api.users import UserService
from deployments.replica import Replica


@dataclass(frozen=True, slots=True)
class Api:
    """One service a kind of thing; what their methods raise, `refusals` turns into answers."""

    replica: Replica
    explanations: ExplainService
    events: EventService
    posts: PostService
    users: UserService
    status: StatusService
    pressure: Pressure

    @classmethod
    def open(cls, replica: Replica, settings: Settings, urls: StoreUrls) -> Self:
        """The services of one replica, over connections of their own."""
        log = EventLog(urls.events, settings.events)
        consumers = Consumers(urls.state, settings.store)
        pressure = Pressure(log, settings.events.max_lag)
        return cls(
            replica=replica,
            explanations=ExplainService(replica.store, replica.releases, settings),
            events=EventService(log, pressure, replica.clock, lambda: replica.live.catalogue),
            posts=PostService(lambda: replica.live.publisher),
            users=UserService(log, pressure, replica.store, consumers, replica.clock, lambda: replica.live.topics),
            status=StatusService(replica, log, consumers, pressure),
            pressure=pressure,
        )

    def start(self) -> None:
        """Begin what goes on beside requests, on the running event loop."""
        self.pressure.start()
