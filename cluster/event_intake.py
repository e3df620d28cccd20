"""Events at the edge: from a request's body to records for the log, and an error for each event that is not good."""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from cluster.batch import parts_of, placed
from cluster.errors import InvalidField
from cluster.events import EVENT_ACTIONS, NO_TIME, RELATION_ACTIONS, Event
from cluster.wire import decode
from kernels.columns import I64

MAX_EVENTS: Final = 1000
#: Clocks of clients may run ahead by this much.
MAX_AHEAD_MS: Final = 5 * 60 * 1000
#: Clients may have been off line for so long.
MAX_AGE_MS: Final = 48 * 3_600_000
#: Relations that nobody can have with themselves.
_TO_OTHERS: Final = ("follow", "block", "mute", "close_friend")


class KnownPosts(Protocol):
    """Whoever knows posts."""

    def authors_and_topics(self, post_ids: I64) -> tuple[I64, NDArray[np.bool_], Sequence[str]]:
        """Author id and topic ("" without one) of each post, and whether it is known at all; [posts] each."""


class Intake(NamedTuple):
    """What a body held: good events in the order they came in, and an error for each of the others."""

    events: list[Event]
    errors: list[InvalidField]


class _Fault(NamedTuple):
    place: int  # in the batch
    error: InvalidField


def take_in(body: bytes, now_ms: int, posts: KnownPosts) -> Intake:
    """Decode, check and complete the events of a JSON body.

    The body is one event, or {"events": [...]} with 1 to 1,000 of them; errors then name `events[3].action`. `now_ms`
    is the present feed time in Unix milliseconds, which an event without a time gets. Author and topic that an event
    does not name are those of its post.
    """
    try:
        parts = parts_of(body, "events", MAX_EVENTS)
    except InvalidField as error:
        return Intake([], [error])
    events: dict[int, Event] = {}
    faults: list[_Fault] = []
    for index, (_, part) in enumerate(parts):
        try:
            events[index] = _event(part, now_ms)
        except InvalidField as error:
            faults.append(_Fault(index, error))
    completed = dict(zip(events, _completed(list(events.values()), posts), strict=True))
    faults += _relation_faults(completed)
    for fault in faults:
        completed.pop(fault.place, None)
    faults.sort(key=lambda fault: fault.place)
    return Intake(list(completed.values()), [placed(fault.error, parts[fault.place][0]) for fault in faults])


_EVENT = msgspec.json.Decoder(Event)


def _event(part: bytes, now_ms: int) -> Event:
    """One event with its time, as far as it can be checked alone. Raises InvalidField."""
    event = decode(_EVENT, part)
    if event.action not in EVENT_ACTIONS:
        raise InvalidField("action", event.action[:100], "must be one of " + ", ".join(EVENT_ACTIONS))
    if event.post_id is None and event.action not in RELATION_ACTIONS:
        raise InvalidField("post_id", None, f"action {event.action} needs the post")
    if event.time_ms == NO_TIME:
        return msgspec.structs.replace(event, time_ms=now_ms)
    earliest, latest = now_ms - MAX_AGE_MS, now_ms + MAX_AHEAD_MS
    if not earliest <= event.time_ms <= latest:
        raise InvalidField(
            "time_ms",
            event.time_ms,
            f"must be {earliest} to {latest}: at most 48 hours before and 5 minutes after the present feed time, "
            "`feed_time_ms` of /v1/status",
        )
    return event


def _completed(events: Sequence[Event], posts: KnownPosts) -> Iterable[Event]:
    """The events with author and topic of their posts, by one look-up for all of them."""
    lacking = [i for i, e in enumerate(events) if e.post_id is not None and (e.author_id is None or e.topic is None)]
    if not lacking:
        return events
    authors, known, topics = posts.authors_and_topics(np.array([events[i].post_id for i in lacking], np.int64))
    completed = list(events)
    for i, author, is_known, topic in zip(lacking, authors.tolist(), known.tolist(), topics, strict=True):
        if is_known:
            event = events[i]
            completed[i] = msgspec.structs.replace(
                event,
                author_id=author if event.author_id is None else event.author_id,
                topic=(topic or None) if event.topic is None else event.topic,
            )
    return completed


def _relation_faults(events: dict[int, Event]) -> Iterable[_Fault]:
    for index, event in events.items():
        if event.action not in RELATION_ACTIONS:
            continue
        if event.author_id is None:
            allowed = "must be given, or a post_id of a post that is known"
            yield _Fault(index, InvalidField("author_id", None, f"action {event.action} needs the author: {allowed}"))
        elif event.author_id == event.user_id and event.action in _TO_OTHERS:
            allowed = f"must be somebody else than user_id for {', '.join(_TO_OTHERS)}"
            yield _Fault(index, InvalidField("author_id", event.author_id, allowed))
