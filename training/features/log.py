"""A data set's log as columns of dense row numbers: what every point-in-time computation starts from."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from cluster.post_table import rows_of
from cluster.vocabulary import Vocabularies, Vocabulary
from kernels.actions import ACTIONS, BIT
from kernels.columns import CONTENT_DIM, DAY_MS, F32, I16, I32, I64, U16
from training.data.dataset import DataSet
from training.data.schema import KINDS

_CONTEXT = ("surface", "device", "connection", "app_version", "region")


@dataclass(frozen=True, slots=True)
class Users:
    """Static columns of U users, by ascending id."""

    ids: I64  # [U]
    created_ms: I64  # [U]; 0 = unknown
    followers: F32  # [U]
    following: F32  # [U]
    region: I16  # [U]


@dataclass(frozen=True, slots=True)
class Posts:
    """Static columns of P posts by A authors, by ascending id; fields as in kernels.columns.PostColumns."""

    ids: I64  # [P]
    author_ids: I64  # [A]
    created_ms: I64
    author: I32
    kind: I16
    topic: I16
    region: I16
    duration_s: F32
    caption_length: F32
    hashtags: F32
    has_location: F32
    content: F32


@dataclass(frozen=True, slots=True)
class Impressions:
    """N impressions in time order."""

    user: I32  # [N] user rows
    post: I32  # [N] post rows
    time_ms: I64  # [N]
    date: I32  # [N] local day as yyyymmdd, by the log's own count where it has one
    actions: U16  # [N] masks
    known: U16  # [N] bits of the actions that the data has a label for
    watch_s: F32  # [N] in sixteenths, so that sums are exact in any order; NaN = unknown
    position: I16  # [N]; -1 = unknown
    context: dict[str, I16]  # codes [N] of surface, device, connection, app_version, region

    def __len__(self) -> int:
        return len(self.user)


@dataclass(frozen=True, slots=True)
class Relations:
    """Follows, blocks and mutes in time order."""

    user: I32  # [G] user rows
    author_id: I64  # [G]
    time_ms: I64  # [G]
    kind: NDArray[np.object_]  # [G] of training.data.schema.RELATIONS


@dataclass(frozen=True, slots=True)
class Log:
    users: Users
    posts: Posts
    impressions: Impressions
    relations: Relations
    vocabularies: Vocabularies
    utc_offset_ms: int
    #: Impressions grouped by user, each user's in time order: `by_user[starts[u]:starts[u + 1]]`.
    by_user: I64
    starts: I64

    @classmethod
    def load(cls, dataset: DataSet, until: int | None = None) -> "Log":
        """Read a data set; with `until` (yyyymmdd), only what happened up to that day.

        Users, posts and vocabularies are all there in either case, so that row numbers and codes are the same.
        """
        posts, users = dataset.read("posts"), dataset.read("users")
        impressions, follows = dataset.read("impressions"), dataset.read("follows")
        dates = dataset.dates(impressions)
        if until is not None:
            impressions, dates = impressions.filter(dates <= until), dates[dates <= until]
            follows = follows.filter(dataset.dates(follows) <= until)
        vocabularies = _vocabularies(posts, users, dataset)
        user_ids = _ints(users, "user_id")
        post_columns = _posts(posts, vocabularies)
        rows = _impressions(impressions, dates, user_ids, post_columns.ids, vocabularies)
        starts = np.concatenate([[0], np.cumsum(np.bincount(rows.user, minlength=len(user_ids)))]).astype(np.int64)
        return cls(
            users=Users(
                user_ids,
                _ints(users, "created_ms"),
                _floats(users, "followers"),
                _floats(users, "following"),
                _codes(users, "region", vocabularies.region),
            ),
            posts=post_columns,
            impressions=rows,
            relations=Relations(
                rows_of(_ints(follows, "user_id"), user_ids),
                _ints(follows, "author_id"),
                _ints(follows, "time_ms"),
                np.asarray(follows["kind"].to_pylist(), dtype=object),
            ),
            vocabularies=vocabularies,
            utc_offset_ms=dataset.manifest.utc_offset_minutes * 60_000,
            by_user=np.argsort(rows.user, kind="stable"),
            starts=starts,
        )

    def day(self, time_ms: int) -> int:
        """Local day number (days since 1 January 1970) of a moment."""
        return (time_ms + self.utc_offset_ms) // DAY_MS

    def day_start_ms(self, day: int) -> int:
        """First millisecond of a local day."""
        return day * DAY_MS - self.utc_offset_ms

    def rows_between(self, start_ms: int, end_ms: int) -> slice:
        """Impressions with start_ms <= time < end_ms."""
        begin, end = np.searchsorted(self.impressions.time_ms, [start_ms, end_ms])
        return slice(int(begin), int(end))


def _ints(table: pa.Table, name: str) -> I64:
    if name not in table.column_names:
        return np.zeros(table.num_rows, np.int64)
    column: I64 = pc.fill_null(table[name], 0).to_numpy().astype(np.int64)
    return column


def _floats(table: pa.Table, name: str, unknown: float = 0.0) -> F32:
    if name not in table.column_names:
        return np.full(table.num_rows, unknown, np.float32)
    column: F32 = pc.fill_null(table[name].cast(pa.float32()), unknown).to_numpy().astype(np.float32)
    return column


def _codes(table: pa.Table, name: str, vocabulary: Vocabulary) -> I16:
    if name not in table.column_names or not vocabulary.values:
        return np.zeros(table.num_rows, np.int16)
    at = pc.index_in(table[name], value_set=pa.array(vocabulary.values, pa.string()))
    codes: I16 = (pc.fill_null(at, -1).to_numpy() + 1).astype(np.int16)
    return codes


def _vocabularies(posts: pa.Table, users: pa.Table, dataset: DataSet) -> Vocabularies:
    """Vocabularies of the whole data set: they hold no label, and codes do not move with a date."""
    context = dataset.read("impressions", columns=_CONTEXT)

    def values(*columns: tuple[pa.Table, str]) -> Vocabulary:
        found: set[str] = set()
        for table, name in columns:
            if name in table.column_names:
                found.update(v for v in pc.unique(table[name]).to_pylist() if v is not None)
        return Vocabulary.of(found)

    return Vocabularies(
        kind=Vocabulary(KINDS),
        topic=values((posts, "topic")),
        region=values((posts, "region"), (users, "region"), (context, "region")),
        **{name: values((context, name)) for name in _CONTEXT if name != "region"},
    )


def _posts(table: pa.Table, vocabularies: Vocabularies) -> Posts:
    authors = _ints(table, "author_id")
    author_ids = np.unique(authors)
    return Posts(
        ids=_ints(table, "post_id"),
        author_ids=author_ids,
        created_ms=_ints(table, "created_ms"),
        author=rows_of(authors, author_ids),
        kind=_codes(table, "kind", vocabularies.kind),
        topic=_codes(table, "topic", vocabularies.topic),
        region=_codes(table, "region", vocabularies.region),
        duration_s=_floats(table, "duration_ms") / np.float32(1000),
        caption_length=_floats(table, "caption_length"),
        hashtags=_floats(table, "hashtags"),
        has_location=_floats(table, "has_location"),
        content=_content(table),
    )


def _content(table: pa.Table) -> F32:
    content = np.zeros((table.num_rows, CONTENT_DIM), np.float32)
    if "embedding" in table.column_names:
        column = table["embedding"].combine_chunks()
        known = column.is_valid().to_numpy(zero_copy_only=False)
        content[known] = column.drop_null().flatten().to_numpy().reshape(-1, CONTENT_DIM)
    lengths = np.linalg.norm(content, axis=1, keepdims=True)
    np.divide(content, lengths, out=content, where=lengths > 0)
    return content


def _impressions(table: pa.Table, dates: I32, user_ids: I64, post_ids: I64, vocabularies: Vocabularies) -> Impressions:
    actions, known = np.zeros(table.num_rows, np.uint16), np.zeros(table.num_rows, np.uint16)
    for name in ACTIONS:
        if name in table.column_names:
            column = table[name]
            actions |= pc.fill_null(column, False).to_numpy().astype(np.uint16) * np.uint16(BIT[name])
            known |= column.is_valid().to_numpy().astype(np.uint16) * np.uint16(BIT[name])
    return Impressions(
        user=rows_of(_ints(table, "user_id"), user_ids),
        post=rows_of(_ints(table, "post_id"), post_ids),
        time_ms=_ints(table, "time_ms"),
        date=dates,
        actions=actions,
        known=known,
        watch_s=watch_seconds(_floats(table, "watch_ms", float("nan"))),
        position=_floats(table, "position", -1.0).clip(-1, 32_767).astype(np.int16),
        context={name: _codes(table, name, getattr(vocabularies, name)) for name in _CONTEXT},
    )


def watch_seconds(watch_ms: F32) -> F32:
    """Milliseconds to seconds, rounded down to sixteenths: float32 sums of them are exact in any order."""
    seconds: F32 = np.floor(watch_ms * np.float32(0.016)) / np.float32(16)
    return seconds
