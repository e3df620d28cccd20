"""From the record of a request to what is told of it."""

import math

import numpy as np

from cluster.errors import Unreachable
from cluster.rules import AD_VALUE
from cluster.traced_feed import Column, TracedFeed
from cluster.wire import Dropped, Explanation, FeedResponse, Influence, Item, Why
from deployments.explaining.influences import influences
from deployments.scorers.rank import Ranker
from kernels.boosts import FACTORS
from kernels.features import NAMES
from kernels.moves import MOVERS, moves
from kernels.rerank import Reranked
from kernels.topk import top_k_numpy


def explained(traced: TracedFeed, ranker: Ranker | None) -> FeedResponse:
    """The answer to a request, with the whole why; without a cursor.

    `ranker`: of the release that answered; without it nothing is told of what mattered most.
    """
    return FeedResponse(
        request_id=traced.request_id,
        release=traced.release,
        items=_items(traced, ranker),
        cold_start=traced.answer.cold_start,
        degraded=traced.answer.degraded,
        relaxed=traced.answer.relaxed,
        arms=traced.answer.arms,
        coverage=traced.answer.coverage,
        timings_ms=traced.answer.timings_ms,
        explanation=Explanation(
            surface=traced.surface,
            limit=traced.limit,
            time_ms=traced.time_ms,
            components=traced.components,
            dropped=_dropped(traced),
            reasons=_reasons(traced),
            choices=traced.choices,
        ),
    )


def _items(traced: TracedFeed, ranker: Ranker | None) -> list[Item]:
    mattered = _mattered(traced, ranker)
    ranked = {place: r for r, place in enumerate(traced.ranked.tolist())}
    at = [ranked.get(place) for place in traced.feed.tolist()]
    whys = _Whys(traced)
    items = []
    for k, place in enumerate(traced.feed.tolist()):
        heads = traced.predicted[at[k]] if at[k] is not None and traced.predicted.size else ()
        items.append(
            Item(
                post_id=int(traced.posts[place]),
                author_id=int(traced.authors[k]),
                score=round(float(traced.scores[k]), 6),
                heads={name: round(float(p), 6) for name, p in zip(traced.heads, heads, strict=False)},
                sources=_sources(traced, place),
                ad=at[k] is not None and bool(traced.ads[at[k]]),
                # float32 values as doubles: JSON carries them exactly.
                features=dict(zip(NAMES, traced.x[:, k].tolist(), strict=True)) if traced.x.size else None,
                why=whys.of(k, at[k], None if mattered is None else mattered[k]),
            )
        )
    return items


def _mattered(traced: TracedFeed, ranker: Ranker | None) -> list[list[Influence]] | None:
    """None where the ranker cannot be asked: the answer is there, and only this part of its why is not."""
    try:
        return None if ranker is None else influences(traced, ranker)
    except Unreachable:
        return None


class _Whys:
    """Why each post is where it is."""

    def __init__(self, traced: TracedFeed) -> None:
        self._traced = traced
        utility = traced.utility[traced.ruled]
        best_first = top_k_numpy(utility, len(utility))
        self._ruled = {r: q for q, r in enumerate(traced.ruled.tolist())}
        self._place = dict(zip(best_first.tolist(), range(len(best_first)), strict=True))
        self._slot = {q: slot for slot, q in enumerate(traced.order.tolist())}
        self._moves = _moves(traced)

    def of(self, k: int, r: int | None, mattered: list[Influence] | None) -> Why:
        """Of the post in slot `k`, which was the `r`-th of those that were ranked."""
        if r is None:  # a later component brought it
            return Why(None, {}, {}, None, {}, mattered)
        utility, terms = round(float(self._traced.utility[r]), 6), self._terms(r)
        q = self._ruled.get(r)
        if q is None:  # it has a place of its own
            return Why(utility, terms, {}, None, {}, mattered)
        return Why(
            utility=utility,
            terms=terms,
            factors=self._factors(q),
            place_by_utility=self._place[q],
            moves=self._ways(int(self._traced.feed[k]), q),
            influences=mattered,
        )

    def _terms(self, r: int) -> dict[str, float]:
        traced = self._traced
        if not (len(traced.weights) and traced.predicted.size):
            return {}
        if traced.ads[r]:
            return {AD_VALUE: round(float(traced.utility[r]), 6)}
        worth = zip(traced.heads, traced.weights * traced.predicted[r], strict=True)
        return {head: round(float(term), 6) for head, term in worth if term == term}

    def _factors(self, q: int) -> dict[str, float]:
        if not self._traced.factors.size:
            return {}
        factors = zip(FACTORS, self._traced.factors[q].tolist(), strict=True)
        return {name: round(factor, 6) for name, factor in factors if factor != 1}

    def _ways(self, place: int, q: int) -> dict[str, int]:
        """Places by which each mover moved a post; they add up to the way from its place by utility to its slot."""
        ways, now = {}, self._place[q]
        if q in self._slot:
            ways = {name: int(by) for name, by in zip(MOVERS, self._moves[self._slot[q]], strict=True) if by}
            now = self._slot[q]
        for name, order in self._traced.later:
            [slot] = np.flatnonzero(order == place).tolist() or [now]
            ways[name] = ways.get(name, 0) + now - slot
            now = slot
        return {name: by for name, by in ways.items() if by}


def _moves(traced: TracedFeed) -> Column:
    if not traced.factors.size:
        return np.zeros((len(traced.order), len(MOVERS)), np.int64)
    order, utility = traced.order.astype(np.int64), traced.utility[traced.ruled]
    nothing = np.zeros(0, np.int64)
    return moves(utility, Reranked(order, utility[order], traced.factors, traced.moved, nothing))


def _dropped(traced: TracedFeed) -> list[Dropped]:
    returned = np.zeros(len(traced.posts), np.bool_)
    returned[traced.feed] = True
    dropped = []
    for place in np.flatnonzero(~returned).tolist():
        score = float(traced.cut_score[place])
        dropped.append(
            Dropped(
                post_id=int(traced.posts[place]),
                component=traced.cutters[int(traced.cutter[place]) - 1].component,
                sources=_sources(traced, place),
                score=round(score, 6) if math.isfinite(score) else None,
            )
        )
    return dropped


def _reasons(traced: TracedFeed) -> dict[str, str]:
    """Of the components that took something out."""
    by = [traced.cutters[c - 1] for c in np.unique(traced.cutter).tolist() if c]
    return {cutter.component: cutter.reason for cutter in by}


def _sources(traced: TracedFeed, place: int) -> list[str]:
    mask = int(traced.brought[place])
    return [name for s, name in enumerate(traced.sources) if mask >> s & 1]
