"""The catalogue of one replica: every post that feeds may hold, as it stands at this moment."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from cluster.post_table import PostTable
from cluster.posts import Post
from cluster.settings import Catalogue as Limits
from cluster.vocabulary import UNKNOWN, Vocabularies
from deployments.catalogue.ads import Ads
from deployments.catalogue.by_time import ByTime
from deployments.catalogue.contents import Codes, Contents
from deployments.catalogue.elsewhere import Elsewhere
from deployments.catalogue.growable import Growable
from deployments.catalogue.live_index import Base, LiveIndex, build
from deployments.catalogue.live_posts import LivePosts
from deployments.catalogue.region_limits import RegionLimits
from kernels.columns import F32, I32, I64
from training.models.post_tower import PostTower, post_codes, post_numbers, unit
from training.models.session import SessionEncoder
from training.models.two_tower import UserTower

logger = logging.getLogger(__name__)

#: Numbers of a post's contents that differ by no more than this are the same, but for rounding.
SAME: Final = 1e-6
#: When the first post was published of an author who has none.
NEVER: Final = np.iinfo(np.int64).max


class Contained(Protocol):
    """What a catalogue needs of a release."""

    @property
    def posts(self) -> PostTable: ...
    @property
    def vocabularies(self) -> Vocabularies: ...
    @property
    def index(self) -> Any: ...  # of FAISS, over post rows; None: it is elsewhere
    @property
    def user_tower(self) -> UserTower: ...
    @property
    def post_tower(self) -> PostTower: ...
    @property
    def session_encoder(self) -> SessionEncoder | None: ...
    @property
    def ads(self) -> NDArray[np.void]: ...


class Catalogue:
    """A release's posts and what was published, changed and removed since; components read it at request time.

    Belongs to one event loop. It changes between requests only, and rows are never used again: a row number, and a
    table that was handed out, stay valid.
    """

    def __init__(self, release: Contained, limits: Limits) -> None:
        self._release = release
        self._limits = limits
        #: The release's codes of what posts tell.
        self.codes = Codes(release.vocabularies)
        self._posts = LivePosts(release.posts)
        self._history = Growable(release.user_tower.history_vectors)
        self._alive = Growable(np.ones(len(release.posts), np.bool_))
        self._by_time = ByTime(release.posts.columns.created_ms)
        self._index: LiveIndex | Elsewhere = Elsewhere()
        if release.index is not None:
            rows = np.arange(len(release.posts))
            self._index = LiveIndex(Base.of(release.index, rows, limits.index_device))
        told = release.posts.columns
        since_ms = first_published(told.author, told.created_ms, len(release.posts.author_ids))
        self._author_since = Growable(since_ms)
        #: Where posts may be shown.
        self.region_limits = RegionLimits(len(release.posts))
        #: Which of them are advertised.
        self.ads = Ads(len(release.posts), release.ads)
        self._topics: dict[int, str] = {}  # row -> topic, of posts whose topic the release does not know
        self._view()

    def __len__(self) -> int:
        return len(self._posts)

    @property
    def posts(self) -> PostTable:
        """All posts, removed ones too; its columns may be written to."""
        return self._posts.table

    @property
    def index(self) -> LiveIndex | Elsewhere:
        return self._index

    def apply(self, posts: Sequence[Post]) -> None:
        """Take in records of the catalogue log, in its order; of several of one post the last one counts."""
        last = {post.post_id: post for post in posts}
        gone = self.posts.post_rows(_ids([post_id for post_id, post in last.items() if post.deleted]))
        kept = [post for post in last.values() if not post.deleted]
        if kept:
            self._write(kept)
        self._remove(gone[gone >= 0])
        self._view()

    def search(self, vector: F32, k: int) -> I32:
        """Rows of the up to `k` posts nearest to a unit vector [D], the nearest first."""
        return self._index.search(vector, k)

    def newest(self, after_ms: int, until_ms: int, limit: int) -> I32:
        """Rows of up to `limit` posts published from `after_ms` to `until_ms`, the newest first."""
        return self._by_time.newest(after_ms, until_ms, limit, self._is_current)

    def newest_by(self, authors: I32, after_ms: int, until_ms: int, limit: int) -> I32:
        """The same of the posts of some authors, by their rows."""

        def keep(rows: I32, times_ms: I64) -> NDArray[np.bool_]:
            theirs: NDArray[np.bool_] = np.isin(self.posts.columns.author[rows], authors)
            return theirs & self._is_current(rows, times_ms)

        return self._by_time.newest(after_ms, until_ms, limit, keep)

    def first_alive(self, rows: I32, limit: int) -> I32:
        """The first `limit` of `rows` that have not been removed."""
        taken = limit
        while True:
            head = rows[:taken]
            found = head[self.alive[head]]
            if len(found) >= limit or taken >= len(rows):
                return found[:limit]
            taken *= 2

    def authors_and_topics(self, post_ids: I64) -> tuple[I64, NDArray[np.bool_], Sequence[str]]:
        """Author id and topic ("" without one) of each post, and whether it is known; [posts] each."""
        rows, posts = self.posts.post_rows(post_ids), self.posts
        topics = self.codes.topics(posts.columns.topic[rows])
        told = [topic or self._topics.get(row, "") for topic, row in zip(topics, rows.tolist(), strict=True)]
        return posts.author_ids[posts.columns.author[rows]], rows >= 0, told

    def post_of_release(self, post_id: int) -> Post | None:
        """What the release says of a post, None if it came later: for posts that the catalogue log never heard of."""
        row = int(self._release.posts.post_rows(_ids([post_id]))[0])
        if row < 0:
            return None
        return msgspec.structs.replace(self.codes.post(self._release.posts, row), ad=self.ads.at(row))

    @property
    def wants_compaction(self) -> bool:
        """Whether so much has changed that searches take longer than they need to."""
        return self._index.fresh > self._limits.fresh_limit or self._index.masked > self._limits.removed_limit

    async def compact(self) -> None:
        """Build a new base index in a thread, and put it in place between two requests."""
        index = self._index
        assert isinstance(index, LiveIndex)
        rows = np.flatnonzero(self.alive)
        vectors = self._history.view
        index.snapshot()
        try:
            base = await asyncio.to_thread(build, rows, vectors, index.probed, self._limits.index_device)
        except BaseException:
            index.abandon()
            raise
        index.swap(base)
        logger.info("a new index of %d posts", len(rows))

    def _write(self, posts: list[Post]) -> None:
        """Write distinct posts into all columns; new ones get new rows."""
        authors = self._author_rows(_ids([post.author_id for post in posts]))
        contents = self.codes.contents(posts, authors)
        rows, new = self._post_rows(_ids([post.post_id for post in posts]))
        before = Contents.at(self.posts.columns, rows)
        vectors_moved = self._move_vectors(rows, before, contents, new)
        for name, column in contents._asdict().items():
            getattr(self.posts.columns, name)[rows] = column
        self.region_limits.put(rows, [post.only_regions for post in posts])
        self.ads.put(rows, [post.ad for post in posts])
        for i in np.flatnonzero(contents.topic == UNKNOWN).tolist():
            self._topics[int(rows[i])] = posts[i].topic or ""
        np.subtract.at(self.posts.columns.author_posts, before.author[~new], 1)
        np.add.at(self.posts.columns.author_posts, contents.author, 1)
        np.minimum.at(self._author_since.view, contents.author, contents.created_ms)
        retimed = new | (before.created_ms != contents.created_ms)
        self._by_time.add(rows[retimed], contents.created_ms[retimed])
        shown = np.array([post.shown for post in posts])
        findable = shown & (vectors_moved | ~self._alive.view[rows])
        self._alive.view[rows[shown]] = True
        self._index.put(rows[findable], unit(self._history.view[rows[findable]]))
        self._remove(rows[~shown])

    def _remove(self, rows: I32) -> None:
        self._alive.view[rows] = False
        self._index.remove(rows)

    def _author_rows(self, ids: I64) -> I32:
        """The row of each of `ids`; authors who are new get new rows."""
        new = np.unique(ids[self.posts.author_rows(ids) < 0])
        if len(new):
            self._posts.add_authors(new)
            self._author_since.extend(len(new))
            self._author_since.view[-len(new) :] = NEVER
        return self.posts.author_rows(ids)

    def _post_rows(self, ids: I64) -> tuple[I32, NDArray[np.bool_]]:
        """The row of each of the distinct `ids`, and whether it is new."""
        rows = self.posts.post_rows(ids)
        new = rows < 0
        if new.any():
            rows[new] = self._posts.add_posts(ids[new])
            self._history.extend(int(new.sum()))
            self._alive.extend(int(new.sum()))
            self.region_limits.extend(int(new.sum()))
            self.ads.extend(int(new.sum()))
        return rows, new

    def _move_vectors(self, rows: I32, before: Contents, after: Contents, new: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Give `rows` the vectors of their contents, and tell which have changed.

        What the model learned of a post by its id stays: only the part that its contents make is exchanged.
        """
        tower, history = self._release.post_tower, self._history.view
        numbers, codes = post_numbers(after), post_codes(after)
        old_numbers, old_codes = post_numbers(before), post_codes(before)
        moved: NDArray[np.bool_] = new | (codes != old_codes).any(axis=1)
        moved |= np.abs(numbers - old_numbers).max(axis=1) > SAME
        history[rows[moved]] += tower.encode(numbers[moved], codes[moved])
        again = moved & ~new
        history[rows[again]] -= tower.encode(old_numbers[again], old_codes[again])
        return moved

    def _is_current(self, rows: I32, times_ms: I64) -> NDArray[np.bool_]:
        current: NDArray[np.bool_] = self.alive[rows] & (self.posts.columns.created_ms[rows] == times_ms)
        return current

    def _view(self) -> None:
        #: bool[P]: false for posts that were removed.
        self.alive: NDArray[np.bool_] = self._alive.view
        #: int64[A]: when the first post of each author was published, as far as the catalogue goes back.
        self.author_since_ms: I64 = self._author_since.view
        #: The release's user tower, which knows posts that came later as history too.
        self.user_tower: UserTower = replace(self._release.user_tower, history_vectors=self._history.view)
        encoder = self._release.session_encoder
        #: So does its session encoder, if it has one.
        self.session_encoder: SessionEncoder | None = encoder and replace(encoder, history_vectors=self._history.view)


def first_published(author: I32, created_ms: I64, authors: int) -> I64:
    """When the first post of each of `authors` A was published: int64[A], NEVER for one who has none.

    author, created_ms: [P] of their posts.
    """
    first = np.full(authors, NEVER)
    np.minimum.at(first, author, created_ms)
    return first


def _ids(ids: list[int]) -> I64:
    return np.array(ids, np.int64)
