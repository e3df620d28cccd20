from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Fault(_message.Message):
    __slots__ = ("field", "value", "message")
    FIELD_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    field: str
    value: str
    message: str
    def __init__(self, field: _Optional[str] = ..., value: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...

class FeedRequest(_message.Message):
    __slots__ = ("user_id", "surface", "limit", "deadline_ms", "context", "cursor", "explain", "refresh")
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    SURFACE_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_MS_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    EXPLAIN_FIELD_NUMBER: _ClassVar[int]
    REFRESH_FIELD_NUMBER: _ClassVar[int]
    user_id: int
    surface: str
    limit: int
    deadline_ms: int
    context: Context
    cursor: str
    explain: bool
    refresh: bool
    def __init__(self, user_id: _Optional[int] = ..., surface: _Optional[str] = ..., limit: _Optional[int] = ..., deadline_ms: _Optional[int] = ..., context: _Optional[_Union[Context, _Mapping]] = ..., cursor: _Optional[str] = ..., explain: _Optional[bool] = ..., refresh: _Optional[bool] = ...) -> None: ...

class Context(_message.Message):
    __slots__ = ("time_ms", "device", "connection", "app_version", "region")
    TIME_MS_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    CONNECTION_FIELD_NUMBER: _ClassVar[int]
    APP_VERSION_FIELD_NUMBER: _ClassVar[int]
    REGION_FIELD_NUMBER: _ClassVar[int]
    time_ms: int
    device: str
    connection: str
    app_version: str
    region: str
    def __init__(self, time_ms: _Optional[int] = ..., device: _Optional[str] = ..., connection: _Optional[str] = ..., app_version: _Optional[str] = ..., region: _Optional[str] = ...) -> None: ...

class FeedResponse(_message.Message):
    __slots__ = ("request_id", "release", "items", "cold_start", "degraded", "relaxed", "coverage", "timings_ms", "arms", "cursor", "explanation", "quality")
    class TimingsMsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    class ArmsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    RELEASE_FIELD_NUMBER: _ClassVar[int]
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    COLD_START_FIELD_NUMBER: _ClassVar[int]
    DEGRADED_FIELD_NUMBER: _ClassVar[int]
    RELAXED_FIELD_NUMBER: _ClassVar[int]
    COVERAGE_FIELD_NUMBER: _ClassVar[int]
    TIMINGS_MS_FIELD_NUMBER: _ClassVar[int]
    ARMS_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    EXPLANATION_FIELD_NUMBER: _ClassVar[int]
    QUALITY_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    release: str
    items: _containers.RepeatedCompositeFieldContainer[Item]
    cold_start: bool
    degraded: _containers.RepeatedScalarFieldContainer[str]
    relaxed: _containers.RepeatedScalarFieldContainer[str]
    coverage: float
    timings_ms: _containers.ScalarMap[str, float]
    arms: _containers.ScalarMap[str, str]
    cursor: str
    explanation: str
    quality: float
    def __init__(self, request_id: _Optional[str] = ..., release: _Optional[str] = ..., items: _Optional[_Iterable[_Union[Item, _Mapping]]] = ..., cold_start: _Optional[bool] = ..., degraded: _Optional[_Iterable[str]] = ..., relaxed: _Optional[_Iterable[str]] = ..., coverage: _Optional[float] = ..., timings_ms: _Optional[_Mapping[str, float]] = ..., arms: _Optional[_Mapping[str, str]] = ..., cursor: _Optional[str] = ..., explanation: _Optional[str] = ..., quality: _Optional[float] = ...) -> None: ...

class Item(_message.Message):
    __slots__ = ("post_id", "author_id", "score", "heads", "sources", "ad", "features", "why")
    class HeadsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    class FeaturesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    POST_ID_FIELD_NUMBER: _ClassVar[int]
    AUTHOR_ID_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    HEADS_FIELD_NUMBER: _ClassVar[int]
    SOURCES_FIELD_NUMBER: _ClassVar[int]
    AD_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    WHY_FIELD_NUMBER: _ClassVar[int]
    post_id: int
    author_id: int
    score: float
    heads: _containers.ScalarMap[str, float]
    sources: _containers.RepeatedScalarFieldContainer[str]
    ad: bool
    features: _containers.ScalarMap[str, float]
    why: str
    def __init__(self, post_id: _Optional[int] = ..., author_id: _Optional[int] = ..., score: _Optional[float] = ..., heads: _Optional[_Mapping[str, float]] = ..., sources: _Optional[_Iterable[str]] = ..., ad: _Optional[bool] = ..., features: _Optional[_Mapping[str, float]] = ..., why: _Optional[str] = ...) -> None: ...

class ExplainRequest(_message.Message):
    __slots__ = ("request_id",)
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    def __init__(self, request_id: _Optional[str] = ...) -> None: ...

class AppendEventsRequest(_message.Message):
    __slots__ = ("events",)
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    events: _containers.RepeatedCompositeFieldContainer[Event]
    def __init__(self, events: _Optional[_Iterable[_Union[Event, _Mapping]]] = ...) -> None: ...

class Event(_message.Message):
    __slots__ = ("event_id", "user_id", "action", "time_ms", "post_id", "author_id", "request_id", "position", "watch_ms", "surface", "device", "connection", "app_version", "region", "topic")
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    TIME_MS_FIELD_NUMBER: _ClassVar[int]
    POST_ID_FIELD_NUMBER: _ClassVar[int]
    AUTHOR_ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    WATCH_MS_FIELD_NUMBER: _ClassVar[int]
    SURFACE_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    CONNECTION_FIELD_NUMBER: _ClassVar[int]
    APP_VERSION_FIELD_NUMBER: _ClassVar[int]
    REGION_FIELD_NUMBER: _ClassVar[int]
    TOPIC_FIELD_NUMBER: _ClassVar[int]
    event_id: str
    user_id: int
    action: str
    time_ms: int
    post_id: int
    author_id: int
    request_id: str
    position: int
    watch_ms: int
    surface: str
    device: str
    connection: str
    app_version: str
    region: str
    topic: str
    def __init__(self, event_id: _Optional[str] = ..., user_id: _Optional[int] = ..., action: _Optional[str] = ..., time_ms: _Optional[int] = ..., post_id: _Optional[int] = ..., author_id: _Optional[int] = ..., request_id: _Optional[str] = ..., position: _Optional[int] = ..., watch_ms: _Optional[int] = ..., surface: _Optional[str] = ..., device: _Optional[str] = ..., connection: _Optional[str] = ..., app_version: _Optional[str] = ..., region: _Optional[str] = ..., topic: _Optional[str] = ...) -> None: ...

class AppendEventsResponse(_message.Message):
    __slots__ = ("accepted", "repeated", "errors")
    ACCEPTED_FIELD_NUMBER: _ClassVar[int]
    REPEATED_FIELD_NUMBER: _ClassVar[int]
    ERRORS_FIELD_NUMBER: _ClassVar[int]
    accepted: int
    repeated: int
    errors: _containers.RepeatedCompositeFieldContainer[Fault]
    def __init__(self, accepted: _Optional[int] = ..., repeated: _Optional[int] = ..., errors: _Optional[_Iterable[_Union[Fault, _Mapping]]] = ...) -> None: ...

class PublishPostsRequest(_message.Message):
    __slots__ = ("posts",)
    POSTS_FIELD_NUMBER: _ClassVar[int]
    posts: _containers.RepeatedCompositeFieldContainer[NewPost]
    def __init__(self, posts: _Optional[_Iterable[_Union[NewPost, _Mapping]]] = ...) -> None: ...

class NewPost(_message.Message):
    __slots__ = ("post_id", "author_id", "created_ms", "kind", "topic", "region", "duration_ms", "caption", "caption_length", "tags", "hashtags", "has_location", "embedding", "moderation", "only_regions", "ad")
    POST_ID_FIELD_NUMBER: _ClassVar[int]
    AUTHOR_ID_FIELD_NUMBER: _ClassVar[int]
    CREATED_MS_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    TOPIC_FIELD_NUMBER: _ClassVar[int]
    REGION_FIELD_NUMBER: _ClassVar[int]
    DURATION_MS_FIELD_NUMBER: _ClassVar[int]
    CAPTION_FIELD_NUMBER: _ClassVar[int]
    CAPTION_LENGTH_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    HASHTAGS_FIELD_NUMBER: _ClassVar[int]
    HAS_LOCATION_FIELD_NUMBER: _ClassVar[int]
    EMBEDDING_FIELD_NUMBER: _ClassVar[int]
    MODERATION_FIELD_NUMBER: _ClassVar[int]
    ONLY_REGIONS_FIELD_NUMBER: _ClassVar[int]
    AD_FIELD_NUMBER: _ClassVar[int]
    post_id: int
    author_id: int
    created_ms: int
    kind: str
    topic: str
    region: str
    duration_ms: int
    caption: str
    caption_length: int
    tags: _containers.RepeatedScalarFieldContainer[str]
    hashtags: int
    has_location: bool
    embedding: _containers.RepeatedScalarFieldContainer[float]
    moderation: str
    only_regions: _containers.RepeatedScalarFieldContainer[str]
    ad: Ad
    def __init__(self, post_id: _Optional[int] = ..., author_id: _Optional[int] = ..., created_ms: _Optional[int] = ..., kind: _Optional[str] = ..., topic: _Optional[str] = ..., region: _Optional[str] = ..., duration_ms: _Optional[int] = ..., caption: _Optional[str] = ..., caption_length: _Optional[int] = ..., tags: _Optional[_Iterable[str]] = ..., hashtags: _Optional[int] = ..., has_location: _Optional[bool] = ..., embedding: _Optional[_Iterable[float]] = ..., moderation: _Optional[str] = ..., only_regions: _Optional[_Iterable[str]] = ..., ad: _Optional[_Union[Ad, _Mapping]] = ...) -> None: ...

class Ad(_message.Message):
    __slots__ = ("bid", "daily_cap")
    BID_FIELD_NUMBER: _ClassVar[int]
    DAILY_CAP_FIELD_NUMBER: _ClassVar[int]
    bid: float
    daily_cap: int
    def __init__(self, bid: _Optional[float] = ..., daily_cap: _Optional[int] = ...) -> None: ...

class PublishPostsResponse(_message.Message):
    __slots__ = ("accepted", "errors")
    ACCEPTED_FIELD_NUMBER: _ClassVar[int]
    ERRORS_FIELD_NUMBER: _ClassVar[int]
    accepted: int
    errors: _containers.RepeatedCompositeFieldContainer[Fault]
    def __init__(self, accepted: _Optional[int] = ..., errors: _Optional[_Iterable[_Union[Fault, _Mapping]]] = ...) -> None: ...

class PostRequest(_message.Message):
    __slots__ = ("post_id",)
    POST_ID_FIELD_NUMBER: _ClassVar[int]
    post_id: int
    def __init__(self, post_id: _Optional[int] = ...) -> None: ...

class ChangePostRequest(_message.Message):
    __slots__ = ("post_id", "change", "unknown")
    POST_ID_FIELD_NUMBER: _ClassVar[int]
    CHANGE_FIELD_NUMBER: _ClassVar[int]
    UNKNOWN_FIELD_NUMBER: _ClassVar[int]
    post_id: int
    change: PostChange
    unknown: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, post_id: _Optional[int] = ..., change: _Optional[_Union[PostChange, _Mapping]] = ..., unknown: _Optional[_Iterable[str]] = ...) -> None: ...

class PostChange(_message.Message):
    __slots__ = ("author_id", "created_ms", "kind", "topic", "region", "duration_ms", "caption", "caption_length", "tags", "hashtags", "has_location", "embedding", "moderation", "only_regions", "ad")
    AUTHOR_ID_FIELD_NUMBER: _ClassVar[int]
    CREATED_MS_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    TOPIC_FIELD_NUMBER: _ClassVar[int]
    REGION_FIELD_NUMBER: _ClassVar[int]
    DURATION_MS_FIELD_NUMBER: _ClassVar[int]
    CAPTION_FIELD_NUMBER: _ClassVar[int]
    CAPTION_LENGTH_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    HASHTAGS_FIELD_NUMBER: _ClassVar[int]
    HAS_LOCATION_FIELD_NUMBER: _ClassVar[int]
    EMBEDDING_FIELD_NUMBER: _ClassVar[int]
    MODERATION_FIELD_NUMBER: _ClassVar[int]
    ONLY_REGIONS_FIELD_NUMBER: _ClassVar[int]
    AD_FIELD_NUMBER: _ClassVar[int]
    author_id: int
    created_ms: int
    kind: str
    topic: str
    region: str
    duration_ms: int
    caption: str
    caption_length: int
    tags: _containers.RepeatedScalarFieldContainer[str]
    hashtags: int
    has_location: bool
    embedding: _containers.RepeatedScalarFieldContainer[float]
    moderation: str
    only_regions: _containers.RepeatedScalarFieldContainer[str]
    ad: Ad
    def __init__(self, author_id: _Optional[int] = ..., created_ms: _Optional[int] = ..., kind: _Optional[str] = ..., topic: _Optional[str] = ..., region: _Optional[str] = ..., duration_ms: _Optional[int] = ..., caption: _Optional[str] = ..., caption_length: _Optional[int] = ..., tags: _Optional[_Iterable[str]] = ..., hashtags: _Optional[int] = ..., has_location: _Optional[bool] = ..., embedding: _Optional[_Iterable[float]] = ..., moderation: _Optional[str] = ..., only_regions: _Optional[_Iterable[str]] = ..., ad: _Optional[_Union[Ad, _Mapping]] = ...) -> None: ...

class Post(_message.Message):
    __slots__ = ("post_id", "author_id", "created_ms", "kind", "topic", "region", "duration_ms", "caption", "caption_length", "tags", "hashtags", "has_location", "embedding", "encoder", "moderation", "only_regions", "ad", "deleted")
    POST_ID_FIELD_NUMBER: _ClassVar[int]
    AUTHOR_ID_FIELD_NUMBER: _ClassVar[int]
    CREATED_MS_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    TOPIC_FIELD_NUMBER: _ClassVar[int]
    REGION_FIELD_NUMBER: _ClassVar[int]
    DURATION_MS_FIELD_NUMBER: _ClassVar[int]
    CAPTION_FIELD_NUMBER: _ClassVar[int]
    CAPTION_LENGTH_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    HASHTAGS_FIELD_NUMBER: _ClassVar[int]
    HAS_LOCATION_FIELD_NUMBER: _ClassVar[int]
    EMBEDDING_FIELD_NUMBER: _ClassVar[int]
    ENCODER_FIELD_NUMBER: _ClassVar[int]
    MODERATION_FIELD_NUMBER: _ClassVar[int]
    ONLY_REGIONS_FIELD_NUMBER: _ClassVar[int]
    AD_FIELD_NUMBER: _ClassVar[int]
    DELETED_FIELD_NUMBER: _ClassVar[int]
    post_id: int
    author_id: int
    created_ms: int
    kind: str
    topic: str
    region: str
    duration_ms: int
    caption: str
    caption_length: int
    tags: _containers.RepeatedScalarFieldContainer[str]
    hashtags: int
    has_location: bool
    embedding: _containers.RepeatedScalarFieldContainer[float]
    encoder: str
    moderation: str
    only_regions: _containers.RepeatedScalarFieldContainer[str]
    ad: Ad
    deleted: bool
    def __init__(self, post_id: _Optional[int] = ..., author_id: _Optional[int] = ..., created_ms: _Optional[int] = ..., kind: _Optional[str] = ..., topic: _Optional[str] = ..., region: _Optional[str] = ..., duration_ms: _Optional[int] = ..., caption: _Optional[str] = ..., caption_length: _Optional[int] = ..., tags: _Optional[_Iterable[str]] = ..., hashtags: _Optional[int] = ..., has_location: _Optional[bool] = ..., embedding: _Optional[_Iterable[float]] = ..., encoder: _Optional[str] = ..., moderation: _Optional[str] = ..., only_regions: _Optional[_Iterable[str]] = ..., ad: _Optional[_Union[Ad, _Mapping]] = ..., deleted: _Optional[bool] = ...) -> None: ...

class UserRequest(_message.Message):
    __slots__ = ("user_id",)
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    user_id: int
    def __init__(self, user_id: _Optional[int] = ...) -> None: ...

class SetProfileRequest(_message.Message):
    __slots__ = ("user_id", "change")
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    CHANGE_FIELD_NUMBER: _ClassVar[int]
    user_id: int
    change: ProfileChange
    def __init__(self, user_id: _Optional[int] = ..., change: _Optional[_Union[ProfileChange, _Mapping]] = ...) -> None: ...

class ProfileChange(_message.Message):
    __slots__ = ("created_ms", "followers", "following", "region")
    CREATED_MS_FIELD_NUMBER: _ClassVar[int]
    FOLLOWERS_FIELD_NUMBER: _ClassVar[int]
    FOLLOWING_FIELD_NUMBER: _ClassVar[int]
    REGION_FIELD_NUMBER: _ClassVar[int]
    created_ms: int
    followers: int
    following: int
    region: str
    def __init__(self, created_ms: _Optional[int] = ..., followers: _Optional[int] = ..., following: _Optional[int] = ..., region: _Optional[str] = ...) -> None: ...

class RelationRequest(_message.Message):
    __slots__ = ("user_id", "kind", "author_id")
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    AUTHOR_ID_FIELD_NUMBER: _ClassVar[int]
    user_id: int
    kind: str
    author_id: int
    def __init__(self, user_id: _Optional[int] = ..., kind: _Optional[str] = ..., author_id: _Optional[int] = ...) -> None: ...

class Appended(_message.Message):
    __slots__ = ("log_position",)
    LOG_POSITION_FIELD_NUMBER: _ClassVar[int]
    log_position: str
    def __init__(self, log_position: _Optional[str] = ...) -> None: ...

class Erased(_message.Message):
    __slots__ = ("erased", "log_position", "archive")
    ERASED_FIELD_NUMBER: _ClassVar[int]
    LOG_POSITION_FIELD_NUMBER: _ClassVar[int]
    ARCHIVE_FIELD_NUMBER: _ClassVar[int]
    erased: bool
    log_position: str
    archive: str
    def __init__(self, erased: _Optional[bool] = ..., log_position: _Optional[str] = ..., archive: _Optional[str] = ...) -> None: ...

class Relations(_message.Message):
    __slots__ = ("follow", "close_friend", "block", "mute")
    FOLLOW_FIELD_NUMBER: _ClassVar[int]
    CLOSE_FRIEND_FIELD_NUMBER: _ClassVar[int]
    BLOCK_FIELD_NUMBER: _ClassVar[int]
    MUTE_FIELD_NUMBER: _ClassVar[int]
    follow: _containers.RepeatedScalarFieldContainer[int]
    close_friend: _containers.RepeatedScalarFieldContainer[int]
    block: _containers.RepeatedScalarFieldContainer[int]
    mute: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, follow: _Optional[_Iterable[int]] = ..., close_friend: _Optional[_Iterable[int]] = ..., block: _Optional[_Iterable[int]] = ..., mute: _Optional[_Iterable[int]] = ...) -> None: ...

class UserState(_message.Message):
    __slots__ = ("user_id", "profile", "relations", "blocked_by", "muted_by", "fewer", "history", "seen", "counters", "authors", "topics")
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    PROFILE_FIELD_NUMBER: _ClassVar[int]
    RELATIONS_FIELD_NUMBER: _ClassVar[int]
    BLOCKED_BY_FIELD_NUMBER: _ClassVar[int]
    MUTED_BY_FIELD_NUMBER: _ClassVar[int]
    FEWER_FIELD_NUMBER: _ClassVar[int]
    HISTORY_FIELD_NUMBER: _ClassVar[int]
    SEEN_FIELD_NUMBER: _ClassVar[int]
    COUNTERS_FIELD_NUMBER: _ClassVar[int]
    AUTHORS_FIELD_NUMBER: _ClassVar[int]
    TOPICS_FIELD_NUMBER: _ClassVar[int]
    user_id: int
    profile: UserProfile
    relations: Relations
    blocked_by: _containers.RepeatedScalarFieldContainer[int]
    muted_by: _containers.RepeatedScalarFieldContainer[int]
    fewer: _containers.RepeatedCompositeFieldContainer[HiddenPost]
    history: _containers.RepeatedCompositeFieldContainer[PastImpression]
    seen: _containers.RepeatedCompositeFieldContainer[SeenPost]
    counters: Counters
    authors: _containers.RepeatedCompositeFieldContainer[AuthorAffinity]
    topics: _containers.RepeatedCompositeFieldContainer[TopicAffinity]
    def __init__(self, user_id: _Optional[int] = ..., profile: _Optional[_Union[UserProfile, _Mapping]] = ..., relations: _Optional[_Union[Relations, _Mapping]] = ..., blocked_by: _Optional[_Iterable[int]] = ..., muted_by: _Optional[_Iterable[int]] = ..., fewer: _Optional[_Iterable[_Union[HiddenPost, _Mapping]]] = ..., history: _Optional[_Iterable[_Union[PastImpression, _Mapping]]] = ..., seen: _Optional[_Iterable[_Union[SeenPost, _Mapping]]] = ..., counters: _Optional[_Union[Counters, _Mapping]] = ..., authors: _Optional[_Iterable[_Union[AuthorAffinity, _Mapping]]] = ..., topics: _Optional[_Iterable[_Union[TopicAffinity, _Mapping]]] = ...) -> None: ...

class UserProfile(_message.Message):
    __slots__ = ("created_ms", "followers", "following", "region")
    CREATED_MS_FIELD_NUMBER: _ClassVar[int]
    FOLLOWERS_FIELD_NUMBER: _ClassVar[int]
    FOLLOWING_FIELD_NUMBER: _ClassVar[int]
    REGION_FIELD_NUMBER: _ClassVar[int]
    created_ms: int
    followers: float
    following: float
    region: str
    def __init__(self, created_ms: _Optional[int] = ..., followers: _Optional[float] = ..., following: _Optional[float] = ..., region: _Optional[str] = ...) -> None: ...

class HiddenPost(_message.Message):
    __slots__ = ("post_id", "author_id", "time_ms")
    POST_ID_FIELD_NUMBER: _ClassVar[int]
    AUTHOR_ID_FIELD_NUMBER: _ClassVar[int]
    TIME_MS_FIELD_NUMBER: _ClassVar[int]
    post_id: int
    author_id: int
    time_ms: int
    def __init__(self, post_id: _Optional[int] = ..., author_id: _Optional[int] = ..., time_ms: _Optional[int] = ...) -> None: ...

class PastImpression(_message.Message):
    __slots__ = ("post_id", "time_ms", "actions", "watch_s")
    POST_ID_FIELD_NUMBER: _ClassVar[int]
    TIME_MS_FIELD_NUMBER: _ClassVar[int]
    ACTIONS_FIELD_NUMBER: _ClassVar[int]
    WATCH_S_FIELD_NUMBER: _ClassVar[int]
    post_id: int
    time_ms: int
    actions: _containers.RepeatedScalarFieldContainer[str]
    watch_s: float
    def __init__(self, post_id: _Optional[int] = ..., time_ms: _Optional[int] = ..., actions: _Optional[_Iterable[str]] = ..., watch_s: _Optional[float] = ...) -> None: ...

class SeenPost(_message.Message):
    __slots__ = ("post_id", "time_ms")
    POST_ID_FIELD_NUMBER: _ClassVar[int]
    TIME_MS_FIELD_NUMBER: _ClassVar[int]
    post_id: int
    time_ms: int
    def __init__(self, post_id: _Optional[int] = ..., time_ms: _Optional[int] = ...) -> None: ...

class Counters(_message.Message):
    __slots__ = ("decayed", "time_ms", "days", "impressions_by_hour")
    class DecayedEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: Counts
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[Counts, _Mapping]] = ...) -> None: ...
    DECAYED_FIELD_NUMBER: _ClassVar[int]
    TIME_MS_FIELD_NUMBER: _ClassVar[int]
    DAYS_FIELD_NUMBER: _ClassVar[int]
    IMPRESSIONS_BY_HOUR_FIELD_NUMBER: _ClassVar[int]
    decayed: _containers.MessageMap[str, Counts]
    time_ms: int
    days: _containers.RepeatedCompositeFieldContainer[DayCounts]
    impressions_by_hour: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, decayed: _Optional[_Mapping[str, Counts]] = ..., time_ms: _Optional[int] = ..., days: _Optional[_Iterable[_Union[DayCounts, _Mapping]]] = ..., impressions_by_hour: _Optional[_Iterable[float]] = ...) -> None: ...

class Counts(_message.Message):
    __slots__ = ("counts",)
    class CountsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    counts: _containers.ScalarMap[str, float]
    def __init__(self, counts: _Optional[_Mapping[str, float]] = ...) -> None: ...

class DayCounts(_message.Message):
    __slots__ = ("date", "counts")
    class CountsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    DATE_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    date: str
    counts: _containers.ScalarMap[str, float]
    def __init__(self, date: _Optional[str] = ..., counts: _Optional[_Mapping[str, float]] = ...) -> None: ...

class AuthorAffinity(_message.Message):
    __slots__ = ("author_id", "shown", "engaged")
    AUTHOR_ID_FIELD_NUMBER: _ClassVar[int]
    SHOWN_FIELD_NUMBER: _ClassVar[int]
    ENGAGED_FIELD_NUMBER: _ClassVar[int]
    author_id: int
    shown: float
    engaged: float
    def __init__(self, author_id: _Optional[int] = ..., shown: _Optional[float] = ..., engaged: _Optional[float] = ...) -> None: ...

class TopicAffinity(_message.Message):
    __slots__ = ("topic_id", "topic", "shown", "engaged")
    TOPIC_ID_FIELD_NUMBER: _ClassVar[int]
    TOPIC_FIELD_NUMBER: _ClassVar[int]
    SHOWN_FIELD_NUMBER: _ClassVar[int]
    ENGAGED_FIELD_NUMBER: _ClassVar[int]
    topic_id: int
    topic: str
    shown: float
    engaged: float
    def __init__(self, topic_id: _Optional[int] = ..., topic: _Optional[str] = ..., shown: _Optional[float] = ..., engaged: _Optional[float] = ...) -> None: ...

class StatusRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Status(_message.Message):
    __slots__ = ("ready", "release", "feed_time_ms", "store", "events", "consumers", "catalogue", "replica")
    READY_FIELD_NUMBER: _ClassVar[int]
    RELEASE_FIELD_NUMBER: _ClassVar[int]
    FEED_TIME_MS_FIELD_NUMBER: _ClassVar[int]
    STORE_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    CONSUMERS_FIELD_NUMBER: _ClassVar[int]
    CATALOGUE_FIELD_NUMBER: _ClassVar[int]
    REPLICA_FIELD_NUMBER: _ClassVar[int]
    ready: bool
    release: str
    feed_time_ms: int
    store: StoreStatus
    events: EventsStatus
    consumers: _containers.RepeatedCompositeFieldContainer[ConsumerStatus]
    catalogue: CatalogueStatus
    replica: ReplicaStatus
    def __init__(self, ready: _Optional[bool] = ..., release: _Optional[str] = ..., feed_time_ms: _Optional[int] = ..., store: _Optional[_Union[StoreStatus, _Mapping]] = ..., events: _Optional[_Union[EventsStatus, _Mapping]] = ..., consumers: _Optional[_Iterable[_Union[ConsumerStatus, _Mapping]]] = ..., catalogue: _Optional[_Union[CatalogueStatus, _Mapping]] = ..., replica: _Optional[_Union[ReplicaStatus, _Mapping]] = ...) -> None: ...

class StoreStatus(_message.Message):
    __slots__ = ("available",)
    AVAILABLE_FIELD_NUMBER: _ClassVar[int]
    available: bool
    def __init__(self, available: _Optional[bool] = ...) -> None: ...

class EventsStatus(_message.Message):
    __slots__ = ("available", "length", "last", "refused")
    AVAILABLE_FIELD_NUMBER: _ClassVar[int]
    LENGTH_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    available: bool
    length: int
    last: str
    refused: str
    def __init__(self, available: _Optional[bool] = ..., length: _Optional[int] = ..., last: _Optional[str] = ..., refused: _Optional[str] = ...) -> None: ...

class ConsumerStatus(_message.Message):
    __slots__ = ("name", "stream", "position", "lag", "entries_per_s", "applied", "poisoned", "waiting", "updated_ms", "pid")
    NAME_FIELD_NUMBER: _ClassVar[int]
    STREAM_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    LAG_FIELD_NUMBER: _ClassVar[int]
    ENTRIES_PER_S_FIELD_NUMBER: _ClassVar[int]
    APPLIED_FIELD_NUMBER: _ClassVar[int]
    POISONED_FIELD_NUMBER: _ClassVar[int]
    WAITING_FIELD_NUMBER: _ClassVar[int]
    UPDATED_MS_FIELD_NUMBER: _ClassVar[int]
    PID_FIELD_NUMBER: _ClassVar[int]
    name: str
    stream: str
    position: str
    lag: int
    entries_per_s: float
    applied: int
    poisoned: int
    waiting: str
    updated_ms: int
    pid: int
    def __init__(self, name: _Optional[str] = ..., stream: _Optional[str] = ..., position: _Optional[str] = ..., lag: _Optional[int] = ..., entries_per_s: _Optional[float] = ..., applied: _Optional[int] = ..., poisoned: _Optional[int] = ..., waiting: _Optional[str] = ..., updated_ms: _Optional[int] = ..., pid: _Optional[int] = ...) -> None: ...

class CatalogueStatus(_message.Message):
    __slots__ = ("posts", "removed", "fresh", "position", "behind_ms")
    POSTS_FIELD_NUMBER: _ClassVar[int]
    REMOVED_FIELD_NUMBER: _ClassVar[int]
    FRESH_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    BEHIND_MS_FIELD_NUMBER: _ClassVar[int]
    posts: int
    removed: int
    fresh: int
    position: str
    behind_ms: int
    def __init__(self, posts: _Optional[int] = ..., removed: _Optional[int] = ..., fresh: _Optional[int] = ..., position: _Optional[str] = ..., behind_ms: _Optional[int] = ...) -> None: ...

class ReplicaStatus(_message.Message):
    __slots__ = ("id", "release", "trial", "revision", "loading", "refused", "shadow", "updated_ms", "load")
    ID_FIELD_NUMBER: _ClassVar[int]
    RELEASE_FIELD_NUMBER: _ClassVar[int]
    TRIAL_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    LOADING_FIELD_NUMBER: _ClassVar[int]
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    SHADOW_FIELD_NUMBER: _ClassVar[int]
    UPDATED_MS_FIELD_NUMBER: _ClassVar[int]
    LOAD_FIELD_NUMBER: _ClassVar[int]
    id: str
    release: str
    trial: Trial
    revision: int
    loading: str
    refused: str
    shadow: ShadowStatus
    updated_ms: int
    load: LoadStatus
    def __init__(self, id: _Optional[str] = ..., release: _Optional[str] = ..., trial: _Optional[_Union[Trial, _Mapping]] = ..., revision: _Optional[int] = ..., loading: _Optional[str] = ..., refused: _Optional[str] = ..., shadow: _Optional[_Union[ShadowStatus, _Mapping]] = ..., updated_ms: _Optional[int] = ..., load: _Optional[_Union[LoadStatus, _Mapping]] = ...) -> None: ...

class LoadStatus(_message.Message):
    __slots__ = ("in_flight", "admitted", "refused", "quality", "service_ms", "wait_ms")
    class RefusedEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    IN_FLIGHT_FIELD_NUMBER: _ClassVar[int]
    ADMITTED_FIELD_NUMBER: _ClassVar[int]
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    QUALITY_FIELD_NUMBER: _ClassVar[int]
    SERVICE_MS_FIELD_NUMBER: _ClassVar[int]
    WAIT_MS_FIELD_NUMBER: _ClassVar[int]
    in_flight: int
    admitted: int
    refused: _containers.ScalarMap[str, int]
    quality: float
    service_ms: float
    wait_ms: float
    def __init__(self, in_flight: _Optional[int] = ..., admitted: _Optional[int] = ..., refused: _Optional[_Mapping[str, int]] = ..., quality: _Optional[float] = ..., service_ms: _Optional[float] = ..., wait_ms: _Optional[float] = ...) -> None: ...

class Trial(_message.Message):
    __slots__ = ("release", "mode", "percent")
    RELEASE_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    PERCENT_FIELD_NUMBER: _ClassVar[int]
    release: str
    mode: str
    percent: float
    def __init__(self, release: _Optional[str] = ..., mode: _Optional[str] = ..., percent: _Optional[float] = ...) -> None: ...

class ShadowStatus(_message.Message):
    __slots__ = ("compared", "failed", "passed_over", "agreement", "live_ms", "trial_ms", "trial_p99_ms")
    COMPARED_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    PASSED_OVER_FIELD_NUMBER: _ClassVar[int]
    AGREEMENT_FIELD_NUMBER: _ClassVar[int]
    LIVE_MS_FIELD_NUMBER: _ClassVar[int]
    TRIAL_MS_FIELD_NUMBER: _ClassVar[int]
    TRIAL_P99_MS_FIELD_NUMBER: _ClassVar[int]
    compared: int
    failed: int
    passed_over: int
    agreement: float
    live_ms: float
    trial_ms: float
    trial_p99_ms: float
    def __init__(self, compared: _Optional[int] = ..., failed: _Optional[int] = ..., passed_over: _Optional[int] = ..., agreement: _Optional[float] = ..., live_ms: _Optional[float] = ..., trial_ms: _Optional[float] = ..., trial_p99_ms: _Optional[float] = ...) -> None: ...
