"""POST /v1/events: what people did, checked, completed and appended to the event log."""

from collections.abc import Callable

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from cluster.clock import Clock
from cluster.errors import InvalidField
from cluster.event_intake import KnownPosts, take_in
from cluster.event_log import EventLog
from cluster.store.breaker import StoreUnavailable
from cluster.wire import EventsResponse, Fault
from deployments.http.answers import bad_request, json_answer, overloaded, unavailable
from deployments.http.body import read_body
from deployments.http.pressure import Pressure


class EventsRoute:
    """The handler; `posts`, at each moment, complete events that do not name author and topic."""

    def __init__(
        self, log: EventLog, pressure: Pressure, clock: Clock, posts: Callable[[], KnownPosts], max_body_bytes: int
    ) -> None:
        self._log = log
        self._pressure = pressure
        self._clock = clock
        self._posts = posts
        self._max_body_bytes = max_body_bytes

    async def post(self, request: Request) -> Response:
        """Answer once the good events are on disk; each bad one is named."""
        if reason := self._pressure.reason:
            return overloaded(f"{reason}; send the same events again")
        try:
            body = await read_body(request, self._max_body_bytes)
        except InvalidField as error:
            return bad_request(error)
        events, errors = take_in(body, self._clock.now_ms(), self._posts())
        if not events:
            return bad_request(errors[0])
        try:
            positions = await self._log.append(events)
        except StoreUnavailable as error:
            return unavailable(error)
        answer = EventsResponse(
            accepted=len(positions),
            repeated=positions.count(None),
            errors=[Fault(error.field, error.value, error.allowed) for error in errors],
        )
        return json_answer(msgspec.json.encode(answer))
