"""Events: what people did with the posts they were shown, as clients send it and as the event log keeps it."""

from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from cluster.errors import InvalidField
from cluster.wire import Id, Milliseconds, Text, decode
from kernels.actions import ACTIONS

#: `impression` says that a post was shown, `view` for how long it was watched.
EVENT_ACTIONS: Final = ("impression", "view", *ACTIONS)
MAX_EVENTS: Final = 1000
#: Clocks of clients may run ahead by this much.
MAX_AHEAD_MS: Final = 5 * 60 * 1000
DAY_MS: Final = 86_400_000


class Event(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """One event. `event_id` is the client's choice: sending an event again under the same id changes nothing."""

    event_id: Annotated[str, Meta(min_length=1, max_length=64)]
    user_id: Id
    post_id: Id
    action: Annotated[str, Meta(description="one of " + ", ".join(EVENT_ACTIONS))]
    time_ms: Milliseconds
    request_id: Annotated[Text, Meta(description="the feed request that showed the post")] | None = None
    position: Annotated[int, Meta(ge=0, le=10_000, description="slot in the feed, 0 = first")] | None = None
    watch_ms: Annotated[int, Meta(ge=0, le=DAY_MS, description="time spent on the post")] | None = None
    surface: Text | None = None


_EVENT = msgspec.json.Decoder(Event)
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_LIST = msgspec.json.Decoder(list[msgspec.Raw])
_STORED = msgspec.msgpack.Decoder(Event)
_PACK = msgspec.msgpack.Encoder()


def parse_events(body: bytes, now_ms: int) -> tuple[list[Event], list[InvalidField]]:
    """The good events of a JSON body, and an error for each bad one.

    The body is one event, or {"events": [...]} with 1 to 1,000 of them; errors then name `events[3].action`.
    `now_ms` is the server's clock in Unix milliseconds.
    """
    try:
        parts = _parts(body)
    except InvalidField as error:
        return [], [error]
    events, errors = [], []
    for where, part in parts:
        try:
            events.append(_event(part, now_ms))
        except InvalidField as error:
            field = where if error.field == "body" and where else f"{where}.{error.field}".lstrip(".")
            errors.append(InvalidField(field, error.value, error.allowed))
    return events, errors


def encode_event(event: Event) -> bytes:
    """The event as the log keeps it: MessagePack with named fields, so that fields can be added."""
    return _PACK.encode(event)


def decode_event(payload: bytes) -> Event:
    """Inverse of `encode_event`."""
    return _STORED.decode(payload)


def _parts(body: bytes) -> list[tuple[str, bytes]]:
    """The JSON of each event and where it lies in the body. Raises InvalidField."""
    envelope = decode(_OBJECT, body)
    if "events" not in envelope:
        return [("", body)]
    for name in envelope.keys() - {"events"}:
        raise InvalidField(name, bytes(envelope[name]).decode()[:100], "unknown field; beside `events` none is allowed")
    try:
        items = decode(_LIST, bytes(envelope["events"]))
    except InvalidField as error:
        raise InvalidField("events", error.value, error.allowed) from None
    if not 1 <= len(items) <= MAX_EVENTS:
        raise InvalidField("events", f"{len(items)} events", f"must hold 1 to {MAX_EVENTS} events")
    return [(f"events[{i}]", bytes(item)) for i, item in enumerate(items)]


def _event(part: bytes, now_ms: int) -> Event:
    event = decode(_EVENT, part)
    if event.action not in EVENT_ACTIONS:
        raise InvalidField("action", event.action[:100], "must be one of " + ", ".join(EVENT_ACTIONS))
    if event.time_ms > now_ms + MAX_AHEAD_MS:
        raise InvalidField("time_ms", event.time_ms, f"must not be later than {now_ms + MAX_AHEAD_MS}, in 5 minutes")
    return event
