"""The posts consumer: counters of posts and authors, and what trends, for feed servers to follow."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import msgspec
import numpy as np

from cluster import effects
from cluster.clock import Clock
from cluster.effects import EffectBatch, decode_effects
from cluster.ending import end
from cluster.post_counters import (
    STREAM,
    TOTALS,
    TRENDING,
    CounterUpdate,
    Trending,
    author_key,
    decode_trending,
    encode,
    post_key,
)
from cluster.store.breaker import StoreUnavailable
from cluster.store.consumers import Superseded
from cluster.store.fenced import FencedStore, Write
from deployments.consumers.consumer import Batching, Entry
from deployments.consumers.counter_book import CounterBook
from deployments.consumers.specification import Context
from deployments.consumers.trend_lists import trend_lists
from kernels.columns import F32, I32, I64
from kernels.fold import fold_counts
from kernels.trending import fold_regions

#: How often the trends are worked out, in seconds.
TRENDS_S: Final = 1.0
#: Updates kept for feed servers that lag; one that lags more reads all counters anew.
UPDATES_KEPT: Final = 2000
_FIRST: Final = np.zeros(1, np.int32)


class _Books:
    """All counters that were met so far."""

    def __init__(self, store: FencedStore) -> None:
        self.posts = CounterBook(store, post_key)
        self.authors = CounterBook(store, author_key)
        self.totals = CounterBook(store, lambda _: TOTALS)

    def fold(self, rows: tuple[I32, I32, I32], regions: I64, columns: I32, amounts: F32, times_ms: I64) -> None:
        """Fold effects into the `rows` of posts, authors and totals, in order."""
        for book, at in zip((self.posts, self.authors, self.totals), rows, strict=True):
            fold_counts(book.column("counts"), book.column("counted_ms"), at, columns, amounts, times_ms)
        posts = self.posts
        fold_regions(
            posts.column("region"),
            posts.column("region_hour"),
            posts.column("region_day"),
            posts.column("told_ms"),
            rows[0],
            regions,
            columns,
            amounts,
            times_ms,
        )


class PostsConsumer:
    """Folds effects into counters. Fenced, as every consumer."""

    name = "posts"
    stream = effects.STREAM.decode()
    batching = Batching(entries=64)  # each entry is a whole batch of events

    def __init__(self, store: FencedStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._position = ""
        self._books = _Books(store)
        self._telling: asyncio.Task[None] | None = None

    @classmethod
    def make(cls, context: Context) -> "PostsConsumer":
        """The posts consumer of a Cascade."""
        consumer = cls(FencedStore(context.urls.state, context.settings.store, cls.name), context.clock)
        consumer._warm_up()
        return consumer

    def decode(self, payload: bytes) -> EffectBatch:
        return decode_effects(payload)

    async def position(self) -> str:
        self._books = _Books(self._store)
        self._position = await self._store.position()
        [blob] = await self._store.read([TRENDING])
        trending = decode_trending(blob)
        # What trended goes on to be looked at, though nothing may happen to it any more.
        lists = [trending.everywhere, *trending.by_region.values(), *trending.by_topic.values()]
        await self._books.posts.rows_of(np.frombuffer(b"".join(lists), np.int64))
        if self._telling is None:
            self._telling = asyncio.create_task(self._tell_trends_forever())
        return self._position

    async def apply(self, entries: Sequence[Entry[EffectBatch]], position: str) -> None:
        change = Write()
        if entries:
            posts, authors = await self._fold([entry.record for entry in entries])
            books = self._books
            values = books.posts.blobs(posts) | books.authors.blobs(authors) | books.totals.blobs(_FIRST)
            change = Write(values, stream=STREAM, entry=encode(self._update(posts, authors)), keep=UPDATES_KEPT)
        await self._store.write(self._position, position, change)
        self._position = position

    async def close(self) -> None:
        if self._telling is not None:
            await end(self._telling)
        await self._store.close()

    async def _fold(self, batches: Sequence[EffectBatch]) -> tuple[I32, I32]:
        """Fold effects in order; the rows of the posts and of the authors that have changed."""
        arrays = zip(*(batch.arrays() for batch in batches), strict=True)
        ids, author_ids, topics, regions, columns, amounts, times_ms = map(np.concatenate, arrays)
        books = self._books
        posts, authors = await books.posts.rows_of(ids), await books.authors.rows_of(author_ids)
        books.posts.column("author")[posts] = author_ids
        books.posts.column("topic")[posts] = topics
        everything = await books.totals.rows_of(np.zeros(len(ids), np.int64))
        books.fold((posts, authors, everything), regions, columns, amounts, times_ms)
        return np.unique(posts), np.unique(authors[authors >= 0])

    def _warm_up(self) -> None:
        """Compile the kernels, or load their code, before anyone waits for them."""
        none, no_rows = np.zeros(0, np.int64), np.zeros(0, np.int32)
        self._books.fold((no_rows, no_rows, no_rows), none, no_rows, np.zeros(0, np.float32), none)
        trend_lists(self._books.posts.ids, self._books.posts.records, 0)

    async def _tell_trends_forever(self) -> None:
        """Work out what trends again and again, for it changes while nothing happens too."""
        told = Trending()
        while True:
            await asyncio.sleep(TRENDS_S)
            posts = self._books.posts
            trending = trend_lists(posts.ids, posts.records, self._clock.now_ms())
            if msgspec.structs.replace(trending, time_ms=told.time_ms) == told:
                continue
            none = np.zeros(0, np.int32)
            entry = encode(msgspec.structs.replace(self._update(none, none), trending=trending))
            change = Write({TRENDING: encode(trending)}, stream=STREAM, entry=entry, keep=UPDATES_KEPT)
            # A batch may have been applied meanwhile: the next round is never far.
            with suppress(StoreUnavailable, Superseded):
                await self._store.write(self._position, self._position, change)
                told = trending

    def _update(self, posts: I32, authors: I32) -> CounterUpdate:
        return CounterUpdate(
            *_packed(self._books.posts, posts),
            *_packed(self._books.authors, authors),
            totals=self._books.totals.column("counts")[:1].tobytes(),
        )


def _packed(book: CounterBook, rows: I32) -> tuple[bytes, bytes, bytes]:
    """Ids, reference times and counts of `rows`."""
    return book.ids[rows].tobytes(), book.column("counted_ms")[rows].tobytes(), book.column("counts")[rows].tobytes()
