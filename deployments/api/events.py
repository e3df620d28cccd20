"""What people did, checked, completed and appended to the event log."""

from collections.abc import Callable

from cluster.clock import Clock
from cluster.event_intake import KnownPosts, take_in
from cluster.event_log import EventLog
from cluster.wire import EventsResponse, faults
from deployments.api.pressure import Pressure


class EventService:
    """`posts`, at each moment, complete events that do not name author and topic."""

    def __init__(self, log: EventLog, pressure: Pressure, clock: Clock, posts: Callable[[], KnownPosts]) -> None:
        self._log = log
        self._pressure = pressure
        self._clock = clock
        self._posts = posts

    async def append(self, body: bytes) -> EventsResponse:
        """Answer once the good events of a JSON body are on disk; each bad one is named.

        Raises InvalidField when there is no good one, Overloaded or StoreUnavailable.
        """
        self._pressure.check("send the same events again")
        events, errors = take_in(body, self._clock.now_ms(), self._posts())
        if not events:
            raise errors[0]
        positions = await self._log.append(events)
        return EventsResponse(len(positions), positions.count(None), faults(errors))
