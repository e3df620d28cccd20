"""Re-ranking on a GPU: a block a request, whose threads share the candidates; slot after slot, as `kernels.rerank`.

Boosts and the order by them are made on the CPU: they are a small part. On the GPU each slot looks at all candidates
that are left, for there is room. Letters in shapes: R requests, L the most candidates of one, S slots.
"""

import math
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numba import cuda, float32, int32

from kernels.boosts import RerankPosts, RerankRules, RerankViewer, boost, diversity, scaled
from kernels.columns import F32, I16, I32, I64
from kernels.cuda.columns import to_device, to_host
from kernels.jit import kernel
from kernels.rerank import BOOL, DECAY, DIVERSITY, ROUNDING, RULES, U8, Kinds, Reranked, broken_rules
from kernels.topk import top_k

#: Threads of a block: a warp.
WARP: Final = 32
#: Content types are below this.
KINDS: Final = 64


class _Lines(NamedTuple):
    """Candidates whose score is a number, in order of their boosted scores."""

    counts: I32  # [R]
    slots: I32  # [R]
    boosted: F32  # [R, L]
    authors: I32  # [R, L]
    kinds: I16  # [R, L]
    new: BOOL  # [R, L]
    content: F32  # [R, L, E]


class _State(NamedTuple):
    """What changes with each slot."""

    placed: BOOL  # [R, L]
    before: I32  # [R, L]
    nearest: F32  # [R, L]
    worth: F32  # [R, L]
    broken: U8  # [R, L]
    of_kind: I64  # [R, KINDS]
    last: I64  # [R, 2]


class _Feeds(NamedTuple):
    """What comes of it. `taken`: places in the line."""

    taken: I32  # [R, S]
    scores: F32  # [R, S]
    decay: F32  # [R, S]
    diversity: F32  # [R, S]
    places: I32  # [R, L, len(RULES)]
    relaxed: I64  # [R, len(RULES)]


def rerank_batch(
    posts: Sequence[RerankPosts], viewers: Sequence[RerankViewer], rules: RerankRules, limit: int
) -> list[Reranked]:
    """`kernels.rerank.rerank` of each of R requests, on the current GPU. Raises ValueError as that does."""
    boosted = [boost(each, viewer, rules) for each, viewer in zip(posts, viewers, strict=True)]
    orders = [top_k(scores, len(scores)) for scores, _ in boosted]
    lines = [order[~np.isnan(scores[order])] for order, (scores, _) in zip(orders, boosted, strict=True)]
    sizes = [max(0, min(limit, len(order))) for order in orders]
    most, slots = max(map(len, lines), default=0), max(sizes, default=0)
    if not most or not slots:
        feeds = _Feeds(*(np.zeros((len(posts), *shape), kind) for shape, kind in _shapes(most, slots)))
    else:
        feeds = _on_device(_lined(posts, [scores for scores, _ in boosted], lines, sizes, most), rules, slots)
    return [
        _reranked(order, line, made, size, r, feeds)
        for r, (order, line, made, size) in enumerate(zip(orders, lines, boosted, sizes, strict=True))
    ]


def _lined(
    posts: Sequence[RerankPosts], scores: Sequence[F32], lines: Sequence[I64], sizes: Sequence[int], most: int
) -> _Lines:
    width = posts[0].content.shape[1]
    made = _Lines(
        np.array([len(line) for line in lines], np.int32),
        np.array([min(size, len(line)) for size, line in zip(sizes, lines, strict=True)], np.int32),
        np.zeros((len(posts), most), np.float32),
        np.zeros((len(posts), most), np.int32),
        np.zeros((len(posts), most), np.int16),
        np.zeros((len(posts), most), np.bool_),
        np.zeros((len(posts), most, width), np.float32),
    )
    for r, (each, line) in enumerate(zip(posts, lines, strict=True)):
        made.boosted[r, : len(line)] = scores[r][line]
        for name in ("authors", "kinds", "new", "content"):
            getattr(made, name)[r, : len(line)] = getattr(each, name)[line]
    return made


def _shapes(most: int, slots: int) -> list[tuple[tuple[int, ...], Any]]:
    """Those of `_Feeds`, without R."""
    per_slot = [((slots,), np.int32), *(((slots,), np.float32),) * 3]
    return [*per_slot, ((most, len(RULES)), np.int32), ((len(RULES),), np.int64)]


def _on_device(lines: _Lines, rules: RerankRules, slots: int) -> _Feeds:
    requests, most = lines.boosted.shape
    state = _State(
        np.zeros((requests, most), np.bool_),
        np.zeros((requests, most), np.int32),
        np.zeros((requests, most), np.float32),
        np.zeros((requests, most), np.float32),
        np.zeros((requests, most), np.uint8),
        np.zeros((requests, KINDS), np.int64),
        np.zeros((requests, 2), np.int64),
    )
    feeds = _Feeds(*(np.zeros((requests, *shape), kind) for shape, kind in _shapes(most, slots)))
    there = to_device(feeds)
    _fill[requests, WARP](to_device(lines), to_device(state), rules, there)
    return to_host(there)


def _reranked(order: I64, line: I64, boosted: tuple[F32, F32], size: int, r: int, feeds: _Feeds) -> Reranked:
    """The feed of request `r` in the positions of its candidates; those without a score come last."""
    scores, factors = boosted
    filled = min(size, len(line))
    feed, worth = order[:size].copy(), scores[order[:size]]
    feed[:filled] = line[feeds.taken[r, :filled]]
    worth[:filled] = feeds.scores[r, :filled]
    factors[feed[:filled], DECAY] = feeds.decay[r, :filled]
    factors[feed[:filled], DIVERSITY] = feeds.diversity[r, :filled]
    places = np.zeros((len(order), len(RULES)), np.int32)
    places[line] = feeds.places[r, : len(line)]
    return Reranked(feed, worth, factors, places, feeds.relaxed[r])


@kernel
def _decay(rules: RerankRules, before: int) -> np.float32:
    return np.float32(max(rules.author_decay_floor, math.pow(rules.author_decay, before)))


@cuda.jit  # type: ignore[untyped-decorator]
def _fill(lines: _Lines, state: _State, rules: RerankRules, feeds: _Feeds) -> None:
    """Fill the slots of the request that is this block's."""
    r, t = cuda.blockIdx.x, cuda.threadIdx.x
    best_of, least_of, top_of = (
        cuda.shared.array(WARP, int32),
        cuda.shared.array(WARP, int32),
        cuda.shared.array(WARP, float32),
    )
    count, share = lines.counts[r], np.float32(rules.diversity)
    cap = math.ceil(rules.kind_share * min(rules.kind_window, lines.slots[r]) - ROUNDING)
    kinds = Kinds(state.of_kind[r], state.last[r], cap)
    new, new_left = 0, 0
    for j in range(count):
        new_left += int(lines.new[r, j])
    for slot in range(lines.slots[r]):
        due = new_left > 0 and int(rules.new_share * (slot + 1) + ROUNDING) > new
        best, least, top = -1, 0, np.float32(0)
        for j in range(t, count, WARP):
            if not state.placed[r, j]:
                before = state.before[r, j]
                worth = scaled(lines.boosted[r, j], _decay(rules, before) * diversity(state.nearest[r, j], share))
                broken = broken_rules(lines.kinds[r, j], lines.new[r, j], before, rules, kinds, slot, due)
                state.worth[r, j], state.broken[r, j] = worth, broken
                if best < 0 or broken < least or (broken == least and worth > top):
                    best, least, top = j, broken, worth
        best_of[t], least_of[t], top_of[t] = best, least, top
        cuda.syncthreads()
        for other in range(WARP):  # every thread finds the same
            j, broken, worth = best_of[other], least_of[other], top_of[other]
            if j < 0:
                continue
            if best < 0 or broken < least or (broken == least and (worth > top or (worth == top and j < best))):
                best, least, top = j, broken, worth
        for j in range(t, count, WARP):
            ahead = state.worth[r, j] > top or (state.worth[r, j] == top and j < best)
            if ahead and j != best and not state.placed[r, j]:
                rule = 0
                while state.broken[r, j] >> (rule + 1):
                    rule += 1
                feeds.places[r, j, rule] -= 1
                cuda.atomic.add(feeds.places, (r, best, rule), 1)
        author, kind, is_new = lines.authors[r, best], lines.kinds[r, best], int(lines.new[r, best])
        if t == 0:
            feeds.taken[r, slot], feeds.scores[r, slot] = best, top
            feeds.decay[r, slot] = _decay(rules, state.before[r, best])
            feeds.diversity[r, slot] = diversity(state.nearest[r, best], share)
            for rule in range(len(RULES)):
                feeds.relaxed[r, rule] += (least >> rule) & 1
        cuda.syncthreads()  # nobody needs what was before this slot any more
        if t == 0:
            state.placed[r, best] = True
            if kind > 0:
                kinds.placed[kind] += 1
            kinds.last[1] = kinds.last[1] + 1 if kinds.last[0] == kind else 1
            kinds.last[0] = kind
        new += is_new
        new_left -= is_new
        compared = slot < rules.diversity_window and rules.diversity > 0
        for j in range(t, count, WARP):
            if lines.authors[r, j] == author:
                state.before[r, j] += 1
            if compared:
                cosine = np.float32(0)
                for e in range(lines.content.shape[2]):
                    cosine += lines.content[r, j, e] * lines.content[r, best, e]
                state.nearest[r, j] = max(state.nearest[r, j], min(cosine, np.float32(1)))
        cuda.syncthreads()
