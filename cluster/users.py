"""What travels over HTTP about one user: profile, relations, and all that is stored of them."""

from typing import Annotated, Final

from msgspec import Meta, Struct

from cluster.wire import MAX_ID, Milliseconds, Text

#: What people can be to authors.
RELATIONS: Final = ("follow", "close_friend", "block", "mute")

Number = Annotated[int, Meta(ge=0, le=MAX_ID)]


class ProfileChange(Struct, frozen=True, forbid_unknown_fields=True):
    """What is to be known of a user; what is left out stays as it is."""

    created_ms: Annotated[Milliseconds, Meta(description="when the account was made, in feed time")] | None = None
    followers: Number | None = None
    following: Number | None = None
    region: Text | None = None


class Appended(Struct, frozen=True):
    """The change is in the event log and on disk; it shows as soon as it is applied, within a moment."""

    log_position: Annotated[str, Meta(description="where it is in the log")]


class Erased(Struct, frozen=True):
    """Answer to an erasure, which is in the event log and on disk."""

    erased: Annotated[bool, Meta(description="false: it is not applied yet, and will be")]
    log_position: str
    archive: Annotated[str, Meta(description="how to remove the records that tell of the user")]


class Relations(Struct, frozen=True):
    """Author ids by relation, the latest last."""

    follow: list[int]
    close_friend: list[int]
    block: list[int]
    mute: list[int]


class UserProfile(Struct, frozen=True):
    """What was set of a user; 0 and "" stand for what is not known."""

    created_ms: int
    followers: float
    following: float
    region: str


class PastImpression(Struct, frozen=True):
    """A post that was shown, and what the user did with it."""

    post_id: int
    time_ms: int
    actions: list[str]
    watch_s: float


class SeenPost(Struct, frozen=True):
    """A post that was shown before those of the history."""

    post_id: int
    time_ms: int


class HiddenPost(Struct, frozen=True):
    """A post that was hidden or reported, so that fewer of its author are shown."""

    post_id: int
    author_id: int
    time_ms: int


class DayCounts(Struct, frozen=True):
    """What the user did on one day of their local time."""

    date: str  # ISO 8601
    counts: dict[str, float]  # without zeros


class Counters(Struct, frozen=True):
    """How often the user did what."""

    decayed: dict[str, dict[str, float]]  # window -> action -> decayed count at `time_ms`; without zeros
    time_ms: int
    days: list[DayCounts]  # newest first, without empty ones
    impressions_by_hour: list[float]  # of the user's local day


class AuthorAffinity(Struct, frozen=True):
    """How an author does with the user, decayed."""

    author_id: int
    shown: float
    engaged: float


class TopicAffinity(Struct, frozen=True):
    """How a topic does with the user, decayed."""

    topic_id: int  # 64 bits of the topic's hash, which is what is stored
    topic: str | None  # None: no topic that the release knows
    shown: float
    engaged: float


class UserExport(Struct, frozen=True):
    """Everything that is stored of one user."""

    user_id: int
    profile: UserProfile
    relations: Relations
    blocked_by: list[int]  # users who have blocked this one
    muted_by: list[int]  # users who have muted this one
    fewer: list[HiddenPost]  # latest last
    history: list[PastImpression]  # latest last
    seen: list[SeenPost]
    counters: Counters
    authors: list[AuthorAffinity]
    topics: list[TopicAffinity]


class SomeUsers(Struct, frozen=True):
    """Users to try things with."""

    user_ids: list[int]
