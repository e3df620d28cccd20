"""From a request that was answered to the record of it, after the answer: nothing of this is on a request's way."""

from typing import Final

import numpy as np

from cluster.traced_feed import Answer, Column, Cutter, TracedFeed
from cluster.wire import ComponentTrace
from deployments.catalogue.catalogue import Catalogue
from deployments.pipeline.candidates import Candidates
from deployments.pipeline.query import Query
from deployments.pipeline.trace import Cut, Trace
from kernels.columns import F32, I32
from kernels.features import FEATURES, INDEX, Group
from kernels.merge import merge_lists
from training.models.inputs import CATEGORICAL

#: Codes in which the candidates of a request may differ.
_CODES: Final = tuple(INDEX[f.name] for f in FEATURES if f.name in CATEGORICAL and f.group is Group.POST)
_NOTHING: Final = np.zeros(0, np.float32)


class Tracer:
    """Packs what happened, in the terms of one release."""

    def __init__(self, release: str, heads: tuple[str, ...], catalogue: Catalogue) -> None:
        self._release = release
        self._heads = list(heads)
        self._catalogue = catalogue

    def traced(self, query: Query, feed: Candidates, trace: Trace) -> TracedFeed:
        """The record of one request and its `feed`."""
        posts = self._catalogue.posts
        # All that sources brought, whether or not it was taken.
        found, brought = merge_lists(trace.brought, len(self._catalogue))
        at = _Places(found)
        brought[at.of(feed.rows)] = feed.sources  # a bandit may have taken less of what sources brought
        cutter, cut_score = _fates(found, at, trace.cuts)
        ranked = trace.arranged[0].before if trace.arranged else feed
        order, later = _arrangement(query, trace, at)
        return TracedFeed(
            request_id=query.request_id,
            release=self._release,
            surface=query.request.surface,
            limit=query.request.limit,
            time_ms=query.now_ms,
            answer=_answer(query, trace),
            components=_components(trace),
            choices=query.choices,
            sources=[source.name for source in trace.sources],
            cutters=[Cutter(cut.component, cut.reason) for cut in trace.cuts],
            posts=posts.post_ids[found],
            brought=brought,
            cutter=cutter,
            cut_score=cut_score,
            ranked=at.of(ranked.rows),
            utility=ranked.score,
            ads=self._catalogue.ads.among(ranked.rows).astype(np.uint8),
            ruled=_ruled(ranked),
            heads=self._heads,
            weights=_NOTHING if query.weights is None else query.weights,
            predicted=_NOTHING if ranked.heads is None else ranked.heads,
            factors=_NOTHING if query.reranked is None else query.reranked.factors,
            moved=_NOTHING if query.reranked is None else query.reranked.places,
            order=order,
            later=later,
            feed=at.of(feed.rows),
            authors=posts.author_ids[posts.columns.author[feed.rows]],
            scores=feed.score,
            user_row=query.user_row,
            post_rows=feed.rows,
            x=_NOTHING if feed.x is None else feed.x.T,
            reference=_NOTHING if ranked.x is None else middle(ranked.x),
        )


class _Places:
    """Where rows stand among those that were found."""

    def __init__(self, found: I32) -> None:
        self._order = np.argsort(found)
        self._sorted = found[self._order]

    def of(self, rows: I32) -> I32:
        """int32 places of rows that are all there."""
        return self._order[np.searchsorted(self._sorted, rows)].astype(np.int32)


def _fates(found: I32, at: _Places, cuts: list[Cut]) -> tuple[Column, F32]:
    """Which cut took each post out, plus 1, and at which score."""
    cutter, score = np.zeros(len(found), np.uint8), np.full(len(found), np.nan, np.float32)
    for c, cut in enumerate(cuts):
        gone = cutter == 0
        gone[at.of(cut.after)] = False
        cutter[gone] = c + 1
        if cut.before is not None and cut.by_score:
            score[gone] = cut.before.score[_Places(cut.before.rows).of(found[gone])]
    return cutter, score


def _ruled(ranked: Candidates) -> I32:
    """Places of the candidates that the rules order."""
    return np.flatnonzero(np.ones(len(ranked)) if ranked.reserved is None else ~ranked.reserved).astype(np.int32)


def _arrangement(query: Query, trace: Trace, at: _Places) -> tuple[Column, list[tuple[str, Column]]]:
    """The order by the rules, and what each component made of it that changed it later."""
    if query.reranked is None or not trace.arranged:
        return np.zeros(0, np.int32), []
    first, *others = trace.arranged
    later, before = [], first.after
    for step in others:
        if not np.array_equal(before, step.after):
            later.append((step.component, at.of(step.after)))
            before = step.after
    return query.reranked.order.astype(np.int32), later


def _answer(query: Query, trace: Trace) -> Answer:
    return Answer(
        cold_start=query.cold_start,
        degraded=query.degraded,
        relaxed=query.relaxed,
        arms=query.arms,
        coverage=round(trace.coverage, 3),
        timings_ms=trace.timings_ms(),
    )


def _components(trace: Trace) -> list[ComponentTrace]:
    return [
        ComponentTrace(by.name, by.stage, round(seconds * 1e3, 3), before, after)
        for by, seconds, before, after in trace.spans
    ]


def middle(x: F32) -> F32:
    """The middle candidate of x[R, F]: the median of each number, the most frequent of each code."""
    half = len(x) // 2
    median: F32 = np.partition(x, half, axis=0)[half]
    for code in _CODES:
        median[code] = np.bincount(np.maximum(x[:, code], 0).astype(np.int64)).argmax()
    return median
