"""The counters of one replica: written into the columns of its live posts, beside the lists of what trends."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cluster.post_counters import RECORD, CounterUpdate, Trending
from deployments.catalogue.catalogue import Catalogue
from kernels.actions import COUNTS
from kernels.columns import F32, I32, I64
from kernels.decay import WINDOWS_MS
from kernels.replay import write_prior

_SHAPE: Final = (len(WINDOWS_MS), len(COUNTS))
_NONE: Final = np.zeros(0, np.int32)


class LiveCounters:
    """Changes between requests only; belongs to one event loop."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._early: dict[int, tuple[int, F32]] = {}  # counters of posts that the catalogue does not know yet
        self._trending = Trending()

    def take_posts(self, ids: I64, records: NDArray[np.void]) -> None:
        """Take RECORD[n] of posts."""
        self._take_posts(ids, records["counted_ms"], records["counts"])

    def take_authors(self, ids: I64, records: NDArray[np.void]) -> None:
        """Take RECORD[n] of authors."""
        self._take_authors(ids, records["counted_ms"], records["counts"])

    def take_totals(self, counts: F32) -> None:
        """Take the counters [W, N] of all posts together."""
        write_prior(counts.reshape(1, *_SHAPE), self._catalogue.posts.columns.prior)

    def take_trending(self, trending: Trending) -> None:
        self._trending = trending

    def take(self, update: CounterUpdate) -> None:
        """Take what a batch of effects has changed."""
        self._take_posts(*_arrays(update.posts, update.post_counted_ms, update.post_counts))
        self._take_authors(*_arrays(update.authors, update.author_counted_ms, update.author_counts))
        if update.totals:
            self.take_totals(np.frombuffer(update.totals, np.float32))
        if update.trending is not None:
            self.take_trending(update.trending)

    def trending_everywhere(self) -> I32:
        """Rows of the posts that trend, the strongest first; -1 for those that the catalogue does not know."""
        return self._rows(self._trending.everywhere)

    def trending_in(self, region_id: int) -> I32:
        """The same of one region, by its stable id."""
        return self._rows(self._trending.by_region.get(region_id, b""))

    def trending_on(self, topic_id: int) -> I32:
        """The same of one topic, by its stable id."""
        return self._rows(self._trending.by_topic.get(topic_id, b""))

    def _rows(self, ids: bytes) -> I32:
        return self._catalogue.posts.post_rows(np.frombuffer(ids, np.int64)) if ids else _NONE

    def _take_posts(self, ids: I64, counted_ms: I64, counts: F32) -> None:
        table = self._catalogue.posts
        if self._early:
            known = [i for i in self._early if table.post_rows(np.array([i]))[0] >= 0]
            for i in known:
                ms, values = self._early.pop(i)
                # An update of this very batch is newer.
                ids, counted_ms = np.insert(ids, 0, i), np.insert(counted_ms, 0, ms)
                counts = np.concatenate([values[None], counts])
        rows = table.post_rows(ids)
        for at in np.flatnonzero(rows < 0).tolist():
            self._early[int(ids[at])] = int(counted_ms[at]), counts[at].copy()
        _write(table.columns.counts, table.columns.counted_ms, rows, counts, counted_ms)

    def _take_authors(self, ids: I64, counted_ms: I64, counts: F32) -> None:
        table = self._catalogue.posts
        _write(table.columns.author_counts, table.columns.author_counted_ms, table.author_rows(ids), counts, counted_ms)


def _write(target: F32, target_ms: I64, rows: I32, counts: F32, counted_ms: I64) -> None:
    known = rows >= 0
    target[rows[known]], target_ms[rows[known]] = counts[known], counted_ms[known]


def _arrays(ids: bytes, counted_ms: bytes, counts: bytes) -> tuple[I64, I64, Any]:
    return (
        np.frombuffer(ids, np.int64),
        np.frombuffer(counted_ms, np.int64),
        np.frombuffer(counts, np.float32).reshape(-1, *_SHAPE),
    )


assert RECORD["counts"].shape == _SHAPE
