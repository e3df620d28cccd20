"""Re-ranking: the rules that turn scored candidates into the order of a feed.

Soft rules are multipliers of a score (`FACTORS`); hard ones are bounds that a slot may break (`RULES`). Those that do
not depend on the feed are multiplied first (`kernels.boosts`). One greedy pass then fills slot by slot: each takes a
candidate that breaks the least important rules, and of these the one that is worth most after what was placed before
it. Diversity is maximal marginal relevance (Carbonell and Goldstein, 1998) with a discount instead of a difference, so
that it means the same whatever the scale of the scores. No rule adds or drops a candidate.
"""

import math
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from kernels.boosts import FACTORS, RerankPosts, RerankRules, RerankViewer, boost, diversity, scaled
from kernels.columns import F32, I16, I32, I64
from kernels.jit import kernel
from kernels.topk import top_k

BOOL = NDArray[np.bool_]
U8 = NDArray[np.uint8]

#: What a slot may break, the least important first: in this order rules are given up. Rule r is bit r.
RULES: Final = ("kind_run", "kind_share", "new_creators", "author_cap")
KIND_RUN, KIND_SHARE, NEW_CREATORS, AUTHOR_CAP = 1, 2, 4, 8
#: Columns of `factors` that the greedy pass fills.
DECAY, DIVERSITY = FACTORS.index("author_decay"), FACTORS.index("diversity")
#: By so many candidates more of the line are kept up to date.
STEP: Final = 64
#: A share that was meant to be a whole number of slots is not one less, for being rounded.
ROUNDING: Final = 1e-9


class Reranked(NamedTuple):
    """A feed of M = min(limit, C) posts, and why it is in this order."""

    order: I64  # [M] distinct positions in the candidates, first slot first
    scores: F32  # [M] final scores of these
    factors: F32  # [C, len(FACTORS)] what multiplied each score; the last two stay 1 without a slot
    places: I32  # [C, len(RULES)] places by which each rule let a candidate pass others (> 0) or be passed (< 0)
    relaxed: I64  # [len(RULES)] slots that broke each rule


class _Line(NamedTuple):
    """N candidates whose score is a number, in order of their boosted scores."""

    bound: F32  # [N] boosted scores, descending
    boosted: F32  # [N] the same; NaN once it is placed
    authors: I32  # [N]
    kinds: I16  # [N]
    new: BOOL  # [N]
    content: F32  # [E, N]
    # What changes with each slot:
    before: I32  # [N] posts of the same author that are placed
    decay: F32  # [N] what follows from it
    cosine: F32  # [N] to the post placed last
    nearest: F32  # [N] greatest cosine to a post that is placed, at least 0
    worth: F32  # [N] score by now
    broken: U8  # [N] rules that it would break in this slot


class Kinds(NamedTuple):
    """Content types in the feed so far."""

    placed: I64  # [kinds]
    last: I64  # [2] the last slot's type and how many slots in a row had it
    cap: int


@kernel
def rerank(posts: RerankPosts, viewer: RerankViewer, rules: RerankRules, limit: int) -> Reranked:
    """Order C candidates by all rules and keep the first `limit`.

    Scores of NaN come last whatever the rules say; equal ones keep their order. Allocates O(C E) per call. Raises
    ValueError when the shapes do not fit.
    """
    count = len(posts.scores)
    boosted, factors = boost(posts, viewer, rules)
    order = top_k(boosted, count)
    scored = count
    while scored > 0 and np.isnan(boosted[order[scored - 1]]):
        scored -= 1
    size = max(0, min(limit, count))
    line = _line(posts, boosted, order[:scored])
    places, relaxed = np.zeros((count, len(RULES)), np.int32), np.zeros(len(RULES), np.int64)
    feed, scores = order[:size].copy(), boosted[order[:size]]
    _fill(line, posts.content, order, rules, feed, scores, factors, places, relaxed)
    return Reranked(feed, scores, factors, places, relaxed)


@kernel
def _line(posts: RerankPosts, boosted: F32, order: I64) -> _Line:
    count = len(order)
    return _Line(
        boosted[order],
        boosted[order],
        posts.authors[order],
        posts.kinds[order],
        posts.new[order],
        np.empty((posts.content.shape[1], count), np.float32),
        np.zeros(count, np.int32),
        np.ones(count, np.float32),
        np.empty(count, np.float32),
        np.zeros(count, np.float32),
        np.empty(count, np.float32),
        np.empty(count, np.uint8),
    )


@kernel
def _fill(
    line: _Line,
    content: F32,
    order: I64,
    rules: RerankRules,
    feed: I64,
    scores: F32,
    factors: F32,
    places: I32,
    relaxed: I64,
) -> None:
    """Fill `feed` slot by slot, as far as the line goes.

    Only its beginning is kept up to date, for who is worth little before any decay is seldom asked.
    """
    count = len(line.worth)
    size = min(len(feed), count)
    share = np.float32(rules.diversity)
    cap = math.ceil(rules.kind_share * min(rules.kind_window, len(feed)) - ROUNDING)
    kinds = Kinds(np.zeros(line.kinds.max() + 1 if size else 0, np.int64), np.zeros(2, np.int64), cap)
    new, new_left = 0, line.new.sum()
    taken, compared = np.empty(size, np.int64), 0  # places in the line, the first `compared` of which count as alike
    reach = min(count, size + STEP)
    _include(line, content, order, taken[:0], 0, reach, share)
    for slot in range(size):
        due = new_left > 0 and int(rules.new_share * (slot + 1) + ROUNDING) > new
        best, passes = _best(line, rules, kinds, slot, due, reach)
        while reach < count and (line.broken[best] or line.bound[reach] > line.worth[best]):
            further = min(count, reach + STEP)
            _include(line, content, order, taken[:compared], reach, further, share)
            reach = further
            best, passes = _best(line, rules, kinds, slot, due, reach)
        if passes:
            _explain(line, order, best, reach, places)
        for r in range(len(RULES)):
            relaxed[r] += (line.broken[best] >> r) & 1
        i = order[best]
        feed[slot], scores[slot] = i, line.worth[best]
        factors[i, DECAY], factors[i, DIVERSITY] = line.decay[best], diversity(line.nearest[best], share)
        new += line.new[best]
        new_left -= line.new[best]
        _place(line, kinds, best, rules)
        if slot < rules.diversity_window and rules.diversity > 0:
            taken[compared] = best
            compared += 1
            _compare(line, best, 0, reach)
        _weigh(line, share, 0, reach)


@kernel
def _include(line: _Line, content: F32, order: I64, taken: I64, begin: int, end: int, share: np.float32) -> None:
    """Bring candidates [begin, end) of the line up to date with a feed of those `taken` from it."""
    for j in range(begin, end):
        row = content[order[j]]
        for e in range(len(row)):
            line.content[e, j] = row[e]
    for j in taken:
        _compare(line, j, begin, end)
    _weigh(line, share, begin, end)


@kernel
def _best(line: _Line, rules: RerankRules, kinds: Kinds, slot: int, due: bool, reach: int) -> tuple[int, bool]:
    """Who takes the slot: of those that break the least important rules the first that is worth most.

    The second result tells whether it passes any that are worth more.
    """
    best, least, top, most = -1, np.uint8(0), np.float32(0), -1
    for j in range(reach):
        worth = line.worth[j]
        if best >= 0 and least == 0:
            if not line.bound[j] > top:
                break  # whoever comes later is worth less still, for nothing raises a score any more
            if not worth > top:
                continue
        elif worth != worth:
            continue
        broken = np.uint8(broken_rules(line.kinds[j], line.new[j], line.before[j], rules, kinds, slot, due))
        line.broken[j] = broken
        if most < 0 or worth > line.worth[most]:
            most = j
        if best < 0 or broken < least or (broken == least and worth > top):
            best, least, top = j, broken, worth
    return best, most != best


@kernel
def broken_rules(kind: int, new: bool, before: int, rules: RerankRules, kinds: Kinds, slot: int, due: bool) -> int:
    """The rules that a candidate would break in this slot, of whose author `before` posts are placed.

    Numbers, not the line: passing that on would take longer than all else.
    """
    broken = 0
    if kind > 0:
        if kind == kinds.last[0] and kinds.last[1] >= rules.kind_run:
            broken |= KIND_RUN
        if slot < rules.kind_window and kinds.placed[kind] >= kinds.cap:
            broken |= KIND_SHARE
    if due and not new:
        broken |= NEW_CREATORS
    if slot < rules.author_cap_window and before >= rules.author_cap:
        broken |= AUTHOR_CAP
    return broken


@kernel
def _explain(line: _Line, order: I64, best: int, reach: int, places: I32) -> None:
    """Note whom `best` passes though they are worth more, and by the most important rule that they would break."""
    top = line.worth[best]
    for j in range(reach):
        if line.worth[j] > top or (line.worth[j] == top and j < best):
            rule = 0
            while line.broken[j] >> (rule + 1):
                rule += 1
            places[order[j], rule] -= 1
            places[order[best], rule] += 1


@kernel
def _place(line: _Line, kinds: Kinds, best: int, rules: RerankRules) -> None:
    """Put `best` into the feed: its author and its content type are there once more."""
    author, kind = line.authors[best], line.kinds[best]
    line.boosted[best] = np.nan
    decay = max(rules.author_decay_floor, math.pow(rules.author_decay, line.before[best] + 1))
    for j in range(len(line.authors)):
        if line.authors[j] == author:
            line.before[j] += 1
            line.decay[j] = decay
    if kind > 0:
        kinds.placed[kind] += 1
    kinds.last[1] = kinds.last[1] + 1 if kinds.last[0] == kind else 1
    kinds.last[0] = kind


@kernel
def _compare(line: _Line, placed: int, begin: int, end: int) -> None:
    """Bring `nearest` of candidates [begin, end) up to date with a post of the feed."""
    cosine, nearest = line.cosine[begin:end], line.nearest[begin:end]
    cosine[:] = 0
    for e in range(len(line.content)):
        row, at = line.content[e, begin:end], line.content[e, placed]
        for j in range(len(row)):  # each sum in the order of e, all of them side by side
            cosine[j] += row[j] * at
    for j in range(len(cosine)):
        nearest[j] = max(nearest[j], min(cosine[j], np.float32(1)))


@kernel
def _weigh(line: _Line, share: np.float32, begin: int, end: int) -> None:
    """Bring the worth of candidates [begin, end) up to date."""
    worth, boosted, decay = line.worth[begin:end], line.boosted[begin:end], line.decay[begin:end]
    nearest = line.nearest[begin:end]
    for j in range(len(worth)):
        worth[j] = scaled(boosted[j], decay[j] * diversity(nearest[j], share))
