"""A user's state: what a request needs to know of its user, as one packed blob of the online store.

A blob is a magic, a version, a CRC-32 and MessagePack. Fields are positional and only ever appended, each new one
with a default: so a blob of an older version still reads. Ids are public here; rows come in when a release reads it.
"""

import struct
import zlib
from typing import Final

import msgspec
import numpy as np

from cluster.post_table import PostTable, rows_of
from cluster.vocabulary import UNKNOWN, stable_id
from kernels.actions import COUNTS
from kernels.columns import AUTHORS, DAYS, I64, NEVER, TOPICS, UserColumns
from kernels.decay import WINDOWS_MS
from kernels.fold import NOBODY

VERSION: Final = 2
_HEADER: Final = struct.Struct("<2sHI")
_MAGIC: Final = b"CU"

#: One impression of the history, oldest first.
EVENT: Final = np.dtype([("post_id", "<i8"), ("time_ms", "<i8"), ("actions", "<u2"), ("watch_s", "<f4")])
#: A post that was hidden or reported: the user wants to see fewer of its author.
FEWER: Final = np.dtype([("author_id", "<i8"), ("post_id", "<i8"), ("time_s", "<u4")])
#: So many of them are kept, the latest.
FEWER_KEPT: Final = 64
_DAILY: Final = bytes(DAYS * len(COUNTS) * 4)
_HOURS: Final = bytes(24 * 4)
_COUNTS: Final = bytes(len(WINDOWS_MS) * len(COUNTS) * 4)
_NONE: Final = b"\xff" * 8


class UnreadableState(ValueError):
    """A blob that is damaged or of a version that is not known yet."""


class TopicCodes:
    """Codes of topics by their stable ids."""

    def __init__(self, codes: dict[str, int]) -> None:
        ids = np.array([stable_id(topic) for topic in codes], np.int64)
        order = np.argsort(ids)
        self._ids = ids[order]
        self._codes = np.array([*(np.array(list(codes.values()), np.int64)[order]), NOBODY])

    def of(self, ids: I64) -> I64:
        """Code of each id; -1 for one that is not known."""
        codes: I64 = self._codes[rows_of(ids, self._ids)]
        return codes


class UserState(msgspec.Struct, array_like=True, frozen=True):
    """State of one user. Byte fields are little-endian arrays, so that reading them copies nothing."""

    created_ms: int = 0
    followers: float = 0.0
    following: float = 0.0
    region: str = ""
    last_day: int = 0  # local day number of the first row of `daily`
    daily: bytes = _DAILY  # float32[DAYS, N], newest day first
    hours: bytes = _HOURS  # float32[24]
    history: bytes = b""  # EVENT[H]
    following_ids: bytes = b""  # int64 author ids
    close_ids: bytes = b""  # int64, those of them that are close friends
    blocked_ids: bytes = b""  # int64
    muted_ids: bytes = b""  # int64
    # Since version 2; version 1 kept 28 days of `daily`.
    counts: bytes = _COUNTS  # float32[W, N] decayed counters
    counted_ms: int = 0  # reference time of all that decays
    author: bytes = AUTHORS * _NONE  # int64[AUTHORS] ids, -1 = free
    author_shown: bytes = bytes(AUTHORS * 4)  # float32, decayed over a day
    author_engaged: bytes = bytes(AUTHORS * 4)  # float32, decayed over 28 days
    topic: bytes = TOPICS * _NONE  # int64[TOPICS] of `vocabulary.stable_id`
    topic_shown: bytes = bytes(TOPICS * 4)
    topic_engaged: bytes = bytes(TOPICS * 4)
    seen_posts: bytes = b""  # int64[S] ids of posts that have left the history
    seen_times: bytes = b""  # uint32[S] Unix seconds
    seen_next: int = 0  # place in the ring of the next one
    blocked_by_ids: bytes = b""  # int64, who has blocked the user
    muted_by_ids: bytes = b""  # int64, who has muted the user
    fewer: bytes = b""  # FEWER[K], the latest last

    @property
    def events(self) -> np.ndarray:
        """The history as a structured array EVENT[H]."""
        return np.frombuffer(self.history, EVENT)

    def columns(self, posts: PostTable, regions: dict[str, int], topics: TopicCodes) -> UserColumns:
        """The state as the columns (U = 1) that kernels read, in row numbers of one release.

        Every array is of one type and layout, whatever the state: another one would make Numba compile anew.
        """
        events = self.events
        # All authors at once: it is looking them up that takes time, not how many they are.
        authors = posts.author_rows(np.frombuffer(self.author + self.following_ids + self.close_ids, "<i8"))
        known, follows, close = np.split(authors, [AUTHORS, AUTHORS + len(self.following_ids) // 8])
        if len(follows):
            follows = np.unique(follows)
            follows = follows[follows >= 0]
        return UserColumns(
            account_created_ms=np.array([self.created_ms], np.int64),
            followers=np.array([self.followers], np.float32),
            following=np.array([self.following], np.float32),
            region=np.array([regions.get(self.region, UNKNOWN)], np.int16),
            daily=np.frombuffer(self.daily, "<f4").reshape(1, DAYS, len(COUNTS)),
            last_day=np.array([self.last_day], np.int32),
            hours=np.frombuffer(self.hours, "<f4").reshape(1, 24),
            counts=np.frombuffer(self.counts, "<f4").reshape(1, len(WINDOWS_MS), len(COUNTS)),
            counted_ms=np.array([self.counted_ms], np.int64),
            history_begin=np.zeros(1, np.int64),
            history_end=np.array([len(events)], np.int64),
            history_post=posts.post_rows(events["post_id"]).astype(np.int64),
            history_time_ms=events["time_ms"].copy(),
            history_actions=events["actions"].copy(),
            history_watch_s=events["watch_s"].copy(),
            author=known.astype(np.int64)[None],
            author_shown=np.frombuffer(self.author_shown, "<f4")[None],
            author_engaged=np.frombuffer(self.author_engaged, "<f4")[None],
            topic=topics.of(np.frombuffer(self.topic, "<i8"))[None],
            topic_shown=np.frombuffer(self.topic_shown, "<f4")[None],
            topic_engaged=np.frombuffer(self.topic_engaged, "<f4")[None],
            follow_begin=np.zeros(1, np.int64),
            follow_end=np.array([len(follows)], np.int64),
            follow_author=follows,
            follow_since_ms=np.zeros(len(follows), np.int64),
            follow_close_ms=np.where(np.isin(follows, close), 0, NEVER) if len(close) else np.full(len(follows), NEVER),
        )


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(UserState)


def pack(state: UserState) -> bytes:
    """The blob of a state."""
    body = _encoder.encode(state)
    return _HEADER.pack(_MAGIC, VERSION, zlib.crc32(body)) + body


def unpack(blob: bytes) -> UserState:
    """The state of a blob. Raises UnreadableState, saying why."""
    if len(blob) < _HEADER.size:
        raise UnreadableState(f"{len(blob)} bytes are too few for a user state")
    magic, version, checksum = _HEADER.unpack_from(blob)
    if magic != _MAGIC:
        raise UnreadableState(f"{magic!r} is not the magic of a user state")
    if not 1 <= version <= VERSION:
        raise UnreadableState(f"version {version} is not known; this build reads 1 to {VERSION}")
    body = memoryview(blob)[_HEADER.size :]
    if zlib.crc32(body) != checksum:
        raise UnreadableState("the checksum does not match")
    try:
        state = _decoder.decode(body)
    except msgspec.DecodeError as error:
        raise UnreadableState(str(error)) from None
    if version == 1:
        state = msgspec.structs.replace(state, daily=state.daily[: len(_DAILY)])
    return state
