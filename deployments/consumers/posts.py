"""The posts consumer: counters of posts and authors, and what trends, for feed servers to follow."""

import time
from collections.abc import Sequence
from typing import Final

import numpy as np

from cluster import effects
from cluster.clock import Clock
from cluster.effects import EffectBatch, decode_effects
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
from cluster.store.fenced import FencedStore, Write
from deployments.consumers.consumer import Batching, Entry
from deployments.consumers.counter_book import CounterBook
from deployments.consumers.trend_lists import trend_lists
from kernels.columns import I32
from kernels.fold import fold_counts
from kernels.trending import fold_regions

#: How often the trends are worked out, in seconds.
TRENDS_S: Final = 1.0
#: Updates kept for feed servers that lag; one that lags more reads all counters anew.
UPDATES_KEPT: Final = 2000


class PostsConsumer:
    """Folds effects into counters. Fenced, as every consumer."""

    name = "posts"
    stream = effects.STREAM.decode()
    batching = Batching(entries=64)  # each entry is a whole batch of events

    def __init__(self, store: FencedStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._forget("")

    def decode(self, payload: bytes) -> EffectBatch:
        return decode_effects(payload)

    async def position(self) -> str:
        self._forget(await self._store.position())
        [blob] = await self._store.read([TRENDING])
        trending = decode_trending(blob)
        # What trended goes on to be looked at, though nothing may happen to it any more.
        lists = [trending.everywhere, *trending.by_region.values(), *trending.by_topic.values()]
        await self._posts.rows_of(np.frombuffer(b"".join(lists), np.int64))
        return self._position

    async def apply(self, entries: Sequence[Entry[EffectBatch]], position: str) -> None:
        batches = [entry.record.arrays() for entry in entries]
        values: dict[bytes, bytes] = {}
        entry = b""
        if batches:
            ids, author_ids, topics, regions, columns, amounts, times_ms = map(
                np.concatenate, zip(*batches, strict=True)
            )
            posts, authors = await self._posts.rows_of(ids), await self._authors.rows_of(author_ids)
            everything = await self._totals.rows_of(np.zeros(len(ids), np.int64))
            for book, rows in ((self._posts, posts), (self._authors, authors), (self._totals, everything)):
                fold_counts(book.column("counts"), book.column("counted_ms"), rows, columns, amounts, times_ms)
            told = [self._posts.column(name) for name in ("region", "region_hour", "region_day", "told_ms")]
            fold_regions(*told, posts, regions, columns, amounts, times_ms)
            self._posts.column("author")[posts] = author_ids
            self._posts.column("topic")[posts] = topics
            posts, authors = np.unique(posts), np.unique(authors[authors >= 0])
            trending = self._trends()
            values = self._posts.blobs(posts) | self._authors.blobs(authors) | self._totals.blobs(everything[:1])
            if trending is not None:
                values[TRENDING] = encode(trending)
            entry = encode(self._update(posts, authors, trending))
        change = Write(values=values, stream=STREAM, entry=entry, keep=UPDATES_KEPT)
        await self._store.write(self._position, position, change)
        self._position = position

    async def close(self) -> None:
        await self._store.close()

    def _forget(self, position: str) -> None:
        self._position = position
        self._posts = CounterBook(self._store, post_key)
        self._authors = CounterBook(self._store, author_key)
        self._totals = CounterBook(self._store, lambda _: TOTALS)
        self._trends_at = 0.0

    def _trends(self) -> Trending | None:
        """What trends by now; None when that was looked at a moment ago."""
        if time.monotonic() < self._trends_at:
            return None
        self._trends_at = time.monotonic() + TRENDS_S
        return trend_lists(self._posts, self._clock.now_ms())

    def _update(self, posts: I32, authors: I32, trending: Trending | None) -> CounterUpdate:
        return CounterUpdate(
            *_packed(self._posts, posts),
            *_packed(self._authors, authors),
            totals=self._totals.column("counts")[0].tobytes(),
            trending=trending,
        )


def _packed(book: CounterBook, rows: I32) -> tuple[bytes, bytes, bytes]:
    """Ids, reference times and counts of `rows`."""
    return book.ids[rows].tobytes(), book.column("counted_ms")[rows].tobytes(), book.column("counts")[rows].tobytes()
