"""Posts as creators' systems send them, and as the catalogue keeps them."""

from typing import Annotated, Final, Literal

import msgspec
import numpy as np
from msgspec import UNSET, Meta, Struct, UnsetType

from cluster.errors import InvalidField
from cluster.vocabulary import KINDS
from cluster.wire import Fault, Id, Milliseconds, Text, decode
from kernels.columns import CONTENT_DIM

MAX_POSTS: Final = 1000
MAX_CAPTION: Final = 10_000

Kind = Annotated[str, Meta(description="one of " + ", ".join(KINDS))]
Duration = Annotated[int, Meta(ge=0, le=86_400_000, description="length of a video, milliseconds")]
Caption = Annotated[str, Meta(max_length=MAX_CAPTION)]
Length = Annotated[int, Meta(ge=0, le=1_000_000, description="characters in the caption, where it is not sent itself")]
Tags = Annotated[list[Text], Meta(max_length=100)]
Hashtags = Annotated[int, Meta(ge=0, le=1_000, description="how many tags, where they are not sent themselves")]
Embedding = Annotated[list[float], Meta(min_length=CONTENT_DIM, max_length=CONTENT_DIM, description="finite numbers")]
Moderation = Literal["ok", "removed"]
Regions = Annotated[list[Text], Meta(max_length=300, description="the only ones where it may be shown")]


class Ad(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """What an advertiser offers for a post."""

    bid: Annotated[float, Meta(ge=0, le=1e6, description="price of one engagement")]
    daily_cap: Annotated[int, Meta(ge=1, le=10_000, description="impressions per user and day")] | None = None


class NewPost(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """A post to publish; under the id of one that is there, it takes its place.

    What is left out is unknown, save `created_ms`, `moderation` and `only_regions`: those of a post that is there stay
    as they are, and a new one is published now, everywhere. A topic or region that the release does not know counts as
    unknown.
    """

    post_id: Id
    author_id: Id
    created_ms: Annotated[Milliseconds, Meta(description="when it is to be seen first; feed time")] | None = None
    kind: Kind | None = None
    topic: Text | None = None
    region: Text | None = None
    duration_ms: Duration | None = None
    caption: Caption | None = None
    caption_length: Length | None = None
    tags: Tags | None = None
    hashtags: Hashtags | None = None
    has_location: bool = False
    embedding: Annotated[Embedding, Meta(description="else caption and tags are encoded")] | None = None
    moderation: Moderation | None = None
    only_regions: Regions | None = None
    ad: Annotated[Ad, Meta(description="makes it an ad, which has slots of its own")] | None = None


class PostChange(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """The fields of a post that are to change; null makes one unknown."""

    author_id: Id | UnsetType = UNSET
    created_ms: Milliseconds | UnsetType = UNSET
    kind: Kind | UnsetType | None = UNSET
    topic: Text | UnsetType | None = UNSET
    region: Text | UnsetType | None = UNSET
    duration_ms: Duration | UnsetType | None = UNSET
    caption: Caption | UnsetType | None = UNSET
    caption_length: Length | UnsetType | None = UNSET
    tags: Tags | UnsetType | None = UNSET
    hashtags: Hashtags | UnsetType | None = UNSET
    has_location: bool | UnsetType = UNSET
    embedding: Embedding | UnsetType | None = UNSET
    moderation: Moderation | UnsetType = UNSET
    only_regions: Regions | UnsetType | None = UNSET
    ad: Ad | UnsetType | None = UNSET


class Post(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A post as it stands, all of it: what the catalogue keeps and answers."""

    post_id: int
    author_id: int
    created_ms: int
    kind: str | None = None
    topic: str | None = None
    region: str | None = None
    duration_ms: int | None = None
    caption: str | None = None
    caption_length: int = 0
    tags: list[str] | None = None
    hashtags: int = 0
    has_location: bool = False
    embedding: list[float] | None = None
    encoder: str | None = None  # what made the embedding; None = it was sent
    moderation: Moderation = "ok"
    only_regions: list[str] | None = None  # None = everywhere
    ad: Ad | None = None
    deleted: bool = False

    @property
    def shown(self) -> bool:
        """Whether feeds may hold it."""
        return not self.deleted and self.moderation == "ok"


class PostsResponse(Struct, frozen=True):
    accepted: int  # posts that are in the catalogue and on disk
    errors: list[Fault]


#: What stays of a post that is published again, unless it is named.
_KEPT: Final = ("created_ms", "moderation", "only_regions")
_NEW = msgspec.json.Decoder(NewPost)
_CHANGE = msgspec.json.Decoder(PostChange)
_STORED = msgspec.msgpack.Decoder(Post)
_PACK = msgspec.msgpack.Encoder()


def parse_post(body: bytes) -> NewPost:
    """A post of a JSON body. Raises InvalidField."""
    post = decode(_NEW, body)
    _check(post.kind, post.embedding)
    return post


def parse_change(body: bytes) -> PostChange:
    """A change of a JSON body. Raises InvalidField."""
    change = decode(_CHANGE, body)
    _check(change.kind or None, change.embedding or None)
    return change


def published(new: NewPost, current: Post | None, now_ms: int) -> Post:
    """The post that `new` makes, in place of `current`, which may be deleted or have never been."""
    if current is None or current.deleted:
        current = Post(post_id=new.post_id, author_id=new.author_id, created_ms=now_ms)
    fields = {name: getattr(new, name) for name in new.__struct_fields__}
    kept = {name: getattr(current, name) for name in _KEPT if fields[name] is None}
    return _counted({**fields, "caption_length": new.caption_length or 0, "hashtags": new.hashtags or 0, **kept})


def changed(change: PostChange, current: Post) -> Post:
    """`current` with the fields of `change`. An embedding that was encoded is dropped where its text changes."""
    told = {name: getattr(change, name) for name in change.__struct_fields__ if getattr(change, name) is not UNSET}
    fields = {name: getattr(current, name) for name in current.__struct_fields__}
    text = {"caption", "tags"} & told.keys()
    if "embedding" in told or (text and current.encoder is not None):
        fields.update(embedding=None, encoder=None)
    for counter, counted in (("caption_length", "caption"), ("hashtags", "tags")):
        if counted in told:
            fields[counter] = 0
        if told.get(counter, 0) is None:
            told[counter] = 0
    return _counted({**fields, **told})


def encode_post(post: Post) -> bytes:
    """The post as the catalogue keeps it: MessagePack with named fields, so that fields can be added."""
    return _PACK.encode(post)


def decode_post(payload: bytes) -> Post:
    """Inverse of `encode_post`."""
    return _STORED.decode(payload)


def _counted(fields: dict[str, object]) -> Post:
    """The post of `fields`; caption and tags are counted where they are there."""
    post = Post(**fields)  # type: ignore[arg-type]
    length = post.caption_length if post.caption is None else len(post.caption)
    hashtags = post.hashtags if post.tags is None else len(post.tags)
    return msgspec.structs.replace(post, caption_length=length, hashtags=hashtags)


def _check(kind: str | UnsetType | None, embedding: list[float] | UnsetType | None) -> None:
    if isinstance(kind, str) and kind not in KINDS:
        raise InvalidField("kind", kind[:100], "must be one of " + ", ".join(KINDS))
    if isinstance(embedding, list):
        for i, value in enumerate(embedding):
            if not abs(value) <= float(np.finfo(np.float32).max):
                raise InvalidField(f"embedding[{i}]", repr(value), "must be a finite number that fits in 32 bits")
