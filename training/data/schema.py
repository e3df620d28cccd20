"""The import schema: which tables a data set has, their columns, and what each may hold.

Ids are 64-bit integers, times Unix milliseconds. A nullable column may be left out entirely.
`docs/data.md` shows the same tables to people; a test keeps the two equal.
"""

from dataclasses import dataclass
from typing import Final

import pyarrow as pa

from cluster.users import RELATIONS as RELATIONS
from cluster.vocabulary import KINDS as KINDS
from kernels.actions import ACTIONS
from kernels.columns import CONTENT_DIM


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    type: pa.DataType
    meaning: str
    required: bool = False
    minimum: float | None = None
    allowed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    name: str
    columns: tuple[Column, ...]
    #: Columns that together identify a row; a repeated key is an error, or is dropped where `drop_repeats`.
    key: tuple[str, ...] = ()
    drop_repeats: bool = False
    required: bool = True

    @property
    def arrow(self) -> pa.Schema:
        return pa.schema([pa.field(c.name, c.type, nullable=not c.required) for c in self.columns])


POSTS: Final = Table(
    "posts",
    (
        Column("post_id", pa.int64(), "public id", required=True, minimum=0),
        Column("author_id", pa.int64(), "user id of the creator", required=True, minimum=0),
        Column("created_ms", pa.int64(), "time of publication", required=True, minimum=0),
        Column("kind", pa.string(), "content type", allowed=KINDS),
        Column("topic", pa.string(), "main topic or tag"),
        Column("duration_ms", pa.int64(), "length of a video", minimum=0),
        Column("caption_length", pa.int32(), "characters in the caption", minimum=0),
        Column("hashtags", pa.int32(), "hashtags in the caption", minimum=0),
        Column("has_location", pa.bool_(), "true when the post carries a place"),
        Column("region", pa.string(), "where it was published"),
        Column("embedding", pa.list_(pa.float32()), f"content embedding, {CONTENT_DIM} finite values"),
    ),
    key=("post_id",),
)
USERS: Final = Table(
    "users",
    (
        Column("user_id", pa.int64(), "public id", required=True, minimum=0),
        Column("created_ms", pa.int64(), "time the account was made", minimum=0),
        Column("followers", pa.int64(), "people who follow the user", minimum=0),
        Column("following", pa.int64(), "people whom the user follows", minimum=0),
        Column("region", pa.string(), "home region"),
    ),
    key=("user_id",),
)
IMPRESSIONS: Final = Table(
    "impressions",
    (
        Column("user_id", pa.int64(), "who was shown the post", required=True, minimum=0),
        Column("post_id", pa.int64(), "what was shown", required=True, minimum=0),
        Column("time_ms", pa.int64(), "when", required=True, minimum=0),
        Column(
            "date", pa.int32(), "local day that the log counts it to, yyyymmdd; else that of time_ms", minimum=19700101
        ),
        Column("position", pa.int32(), "slot in the feed, 0 = first", minimum=0),
        Column("surface", pa.string(), "home, explore, or your own"),
        Column("device", pa.string(), "device type"),
        Column("connection", pa.string(), "wifi, 4g, ..."),
        Column("app_version", pa.string(), "version of the app"),
        Column("region", pa.string(), "region of the request"),
        Column("watch_ms", pa.int64(), "time spent on the post", minimum=0),
        *(Column(action, pa.bool_(), f"whether {action} followed") for action in ACTIONS),
    ),
    key=("user_id", "post_id", "time_ms"),
    drop_repeats=True,
)
FOLLOWS: Final = Table(
    "follows",
    (
        Column("user_id", pa.int64(), "who", required=True, minimum=0),
        Column("author_id", pa.int64(), "whom", required=True, minimum=0),
        Column("time_ms", pa.int64(), "since when", required=True, minimum=0),
        Column("kind", pa.string(), "relation", required=True, allowed=RELATIONS),
    ),
    key=("user_id", "author_id", "kind"),
    required=False,
)
ADS: Final = Table(
    "ads",
    (
        Column("post_id", pa.int64(), "the advertised post", required=True, minimum=0),
        Column("bid", pa.float32(), "price offered for one engagement", required=True, minimum=0),
        Column("daily_cap", pa.int32(), "impressions per user and day", minimum=1),
    ),
    key=("post_id",),
    required=False,
)
TABLES: Final = {table.name: table for table in (POSTS, USERS, IMPRESSIONS, FOLLOWS, ADS)}
