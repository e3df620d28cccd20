"""What travels over HTTP: request and response types, and how a bad request is told what is wrong with it."""

import re
from collections.abc import Iterable
from typing import Annotated, Any, Final, TypeVar

import msgspec
from msgspec import Meta, Struct

from cluster.errors import InvalidField
from cluster.store.consumers import ConsumerStatus
from cluster.store.release_board import ReplicaStatus
from cluster.vocabulary import Surface

T = TypeVar("T")

MAX_ID: Final = 2**63 - 1
MAX_LIMIT: Final = 500
MAX_DEADLINE_MS: Final = 10_000

Id = Annotated[int, Meta(ge=0, le=MAX_ID, description="64-bit integer")]
Milliseconds = Annotated[int, Meta(ge=0, le=MAX_ID, description="Unix time in milliseconds")]
Text = Annotated[str, Meta(max_length=64)]


class Context(Struct, frozen=True, forbid_unknown_fields=True):
    """Where a request comes from. Values that the release does not know count as unknown."""

    time_ms: Milliseconds | None = None
    device: Text | None = None
    connection: Text | None = None
    app_version: Text | None = None
    region: Text | None = None


class FeedRequest(Struct, frozen=True, forbid_unknown_fields=True):
    user_id: Id
    surface: Surface = "home"
    limit: Annotated[int, Meta(ge=1, le=MAX_LIMIT, description="posts wanted")] = 50
    deadline_ms: Annotated[int, Meta(ge=1, le=MAX_DEADLINE_MS)] | None = None
    context: Context = Context()
    cursor: Annotated[str, Meta(max_length=16_384, description="of an answer: goes on without its posts")] | None = None
    explain: bool = False
    refresh: Annotated[bool, Meta(description="without what this user's feeds have shown in the last minutes")] = False


class Influence(Struct, frozen=True):
    """What one feature does for a post: its utility, less what it would be with the feature of the middle candidate."""

    feature: str  # `post_content`: the embedding as a whole; `post`: what the ranker has learned of this very post
    value: Annotated[float | None, Meta(description="null for those two")]
    middle: Annotated[float | None, Meta(description="of the middle candidate")]
    effect: float


class Why(Struct, frozen=True):
    """Why a post is where it is."""

    utility: Annotated[float | None, Meta(description="before the rules; null for what was not ranked")]
    terms: Annotated[
        dict[str, float],
        Meta(description="weight times prediction of each head, of an ad its value; they add up to that"),
    ]
    factors: Annotated[
        dict[str, float],
        Meta(description="that the rules multiply it by, or divide a negative one; those of 1 left out"),
    ]
    place_by_utility: Annotated[
        int | None, Meta(description="before the rules; the first place is 0; null for ads and the explored post")
    ]
    moves: Annotated[
        dict[str, int], Meta(description="places by which each boost and rule moved it; > 0 = up; those of 0 left out")
    ]
    influences: Annotated[
        list[Influence] | None, Meta(description="what mattered most; null where the ranker is not there any more")
    ]


class Item(Struct, frozen=True, omit_defaults=True):
    """One post of a feed, best first."""

    post_id: int
    author_id: int
    score: float
    heads: dict[str, float]  # probability of each action; expected seconds for watch_time
    sources: list[str]
    ad: bool = False
    features: dict[str, float] | None = None  # with explain
    why: Why | None = None  # with explain


class ComponentTrace(Struct, frozen=True):
    """What one component did to a request."""

    component: str
    stage: str
    ms: float
    candidates_in: int
    candidates_out: int


class Choice(Struct, frozen=True):
    """What a bandit chose."""

    chosen: str  # a source's name, or a post's id
    propensity: float  # the chance with which it did


class Dropped(Struct, frozen=True):
    """A post that some source brought, and that is not in the feed."""

    post_id: int
    component: str  # that took it out
    sources: list[str]
    score: Annotated[float | None, Meta(description="by which it was; null where that was no matter of scores")]


class Explanation(Struct, frozen=True):
    """The whole why: of posts that are not there too."""

    surface: str
    limit: int
    time_ms: Annotated[int, Meta(description="feed time of the request")]
    components: list[ComponentTrace]
    dropped: list[Dropped]
    reasons: Annotated[dict[str, str], Meta(description="why each component takes posts out")]
    choices: dict[str, Choice]  # of bandits: the favoured source, the explored post


class FeedResponse(Struct, frozen=True, omit_defaults=True):
    request_id: str
    release: str
    items: list[Item]
    cold_start: bool
    degraded: list[str]  # components and dependencies that the answer had to do without
    relaxed: list[str]  # filters that gave way, in this order, because too few posts were left
    coverage: Annotated[float, Meta(description="share of the sources that answered")]
    timings_ms: dict[str, float]
    arms: Annotated[dict[str, str], Meta(description="that the user is in, by experiment")] = {}
    cursor: Annotated[str, Meta(description="to go on with; none where the feed ends")] | None = None
    explanation: Explanation | None = None
    quality: Annotated[
        float | None, Meta(description="share of the candidates that were considered; none where it was all")
    ] = None


class Fault(Struct, frozen=True):
    field: str
    value: Any
    message: str


class EventsResponse(Struct, frozen=True):
    accepted: int  # events that are in the log and on disk
    repeated: int  # of these, how many were there already under the same event_id
    errors: list[Fault]


class StoreStatus(Struct, frozen=True):
    available: bool


class EventsStatus(Struct, frozen=True):
    available: bool
    length: int | None  # records in the log
    last: str | None  # position of the last one
    refused: str | None  # why no more events are taken at the moment


class CatalogueStatus(Struct, frozen=True):
    posts: int  # that feeds may hold
    removed: int
    fresh: int  # of the posts, how many the index has yet to take in
    position: str  # of the last entry of the catalogue log that was applied
    behind_ms: int | None  # since nothing was left to apply; null before the first time. Half a second is none


class Status(Struct, frozen=True):
    ready: bool
    release: str
    feed_time_ms: int
    store: StoreStatus  # what is known of users
    events: EventsStatus
    consumers: list[ConsumerStatus] | None  # null while the store is gone
    catalogue: CatalogueStatus  # of the replica that answers
    replica: ReplicaStatus  # the same one


class ErrorResponse(Struct, frozen=True):
    error: Fault


def faults(errors: Iterable[InvalidField]) -> list[Fault]:
    """The errors of single items as an answer tells them."""
    return [fault_of(error) for error in errors]


def fault_of(error: InvalidField) -> Fault:
    return Fault(error.field, error.value, error.allowed)


def invalid_id(name: str, value: Any) -> InvalidField:
    """The error of an id that is none."""
    return InvalidField(name, value, f"must be an integer of 0 to {MAX_ID}")


def decode(decoder: "msgspec.json.Decoder[T]", body: bytes) -> T:
    """Decode a JSON body. Raises InvalidField naming the field, its value and what is allowed."""
    try:
        try:
            return decoder.decode(body)
        except msgspec.ValidationError as error:
            # What follows the wrong value was not read yet, and may be no JSON at all.
            raise _invalid_field(str(error), body) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidField("body", _shorten(body), f"must be JSON (NaN and Infinity are not): {error}") from None


_AT = re.compile(r" - at `(?:key in )?\$\.?(.*)`$")
_NAMED = re.compile(r"(?:unknown|required) field `(.*?)`")


def _invalid_field(message: str, body: bytes) -> InvalidField:
    """Make msgspec's message, which has no value, one with field and value."""
    found = _AT.search(message)
    path = found.group(1) if found else ""
    reason = message[: found.start()] if found else message
    named = _NAMED.search(reason)
    if named:
        path = f"{path}.{named.group(1)}" if path else named.group(1)
    value: Any = msgspec.json.decode(body)
    for key, index in re.findall(r"([^.\[\]]+)|\[(\d+)\]", path):
        if isinstance(value, dict):
            value = value.get(key)
        elif isinstance(value, list) and index:
            value = value[int(index)]
        else:
            value = None
    return InvalidField(path or "body", _shorten(value), reason)


def _shorten(value: Any) -> Any:
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    text = value if isinstance(value, str) else str(value)
    if len(text) <= 100:
        return value
    return text[:100] + "..."


def error_body(error: InvalidField) -> bytes:
    """The JSON body of a 4xx answer."""
    return msgspec.json.encode(ErrorResponse(fault_of(error)))
