"""Events: what people did with the posts they were shown, as clients send it and as the event log keeps it."""

from typing import Annotated, Final, TypeAlias
from uuid import uuid4

import msgspec
from msgspec import Meta, Struct

from cluster.wire import Id, Milliseconds, Text
from kernels.actions import ACTIONS

#: Between a person and an author, until the second word takes back the first.
RELATION_ACTIONS: Final = (
    "follow",
    "unfollow",
    "block",
    "unblock",
    "mute",
    "unmute",
    "close_friend",
    "unclose_friend",
)
#: With a post: `impression` says that it was shown, `view` for how long it was watched.
POST_ACTIONS: Final = (
    "impression",
    "view",
    *(action for action in ACTIONS if action not in RELATION_ACTIONS),
    "unlike",
    "unsave",
)
EVENT_ACTIONS: Final = (*POST_ACTIONS, *RELATION_ACTIONS)
#: `Event.time_ms` of an event whose sender left the time to the server.
NO_TIME: Final = -1
DAY_MS: Final = 86_400_000


class Event(
    Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True, tag="event", tag_field="record"
):
    """One event. `event_id` is the client's choice: sending an event again under the same id changes nothing.

    In the log, `time_ms` is always set, and `author_id` and `topic` are, where the post is known.
    """

    event_id: Annotated[str, Meta(min_length=1, max_length=64)]
    user_id: Id
    action: Annotated[str, Meta(description="one of " + ", ".join(EVENT_ACTIONS))]
    time_ms: Annotated[Milliseconds, Meta(description="feed time; default: the server's")] = NO_TIME
    post_id: Annotated[Id, Meta(description="needed for everything but relations")] | None = None
    author_id: Annotated[Id, Meta(description="of a relation; default: the post's author")] | None = None
    request_id: Annotated[Text, Meta(description="the feed request that showed the post")] | None = None
    position: Annotated[int, Meta(ge=0, le=10_000, description="slot in the feed, 0 = first")] | None = None
    watch_ms: Annotated[int, Meta(ge=0, le=DAY_MS, description="time spent on the post")] | None = None
    surface: Text | None = None
    device: Text | None = None
    connection: Text | None = None
    app_version: Text | None = None
    region: Text | None = None
    topic: Annotated[str, Meta(max_length=256, description="default: the post's")] | None = None


class Profile(Struct, frozen=True, omit_defaults=True, kw_only=True, tag="profile", tag_field="record"):
    """What was set of a user; None leaves a field as it is."""

    user_id: Id
    time_ms: Milliseconds
    created_ms: Milliseconds | None = None
    followers: Annotated[int, Meta(ge=0)] | None = None
    following: Annotated[int, Meta(ge=0)] | None = None
    region: Text | None = None


class Erasure(Struct, frozen=True, kw_only=True, tag="erasure", tag_field="record"):
    """The user is to be forgotten: everything that was derived from earlier records goes."""

    user_id: Id
    time_ms: Milliseconds


Record: TypeAlias = Event | Profile | Erasure

_STORED: msgspec.msgpack.Decoder[Record] = msgspec.msgpack.Decoder(Record)
_PACK = msgspec.msgpack.Encoder()


def record_id(record: Record) -> str:
    """The id under which the log takes a record once; records without one are always new."""
    return record.event_id if isinstance(record, Event) else uuid4().hex


def encode_record(record: Record) -> bytes:
    """The record as the log keeps it: MessagePack with named fields, so that fields can be added."""
    return _PACK.encode(record)


def decode_record(payload: bytes) -> Record:
    """Inverse of `encode_record`. Raises msgspec.DecodeError."""
    return _STORED.decode(payload)
