"""Re-ranking: the rules that turn scored candidates into the order of a feed.

A rule is one kernel beside its twin, and either maps scores to scores (`boost_fresh`) or an order to an order
(`cap_authors`). `rerank` applies first those, then these. No rule adds or drops a candidate.
"""

from typing import NamedTuple

import numpy as np

from kernels.columns import F32, I32, I64
from kernels.jit import kernel
from kernels.topk import top_k, top_k_numpy


class RerankRules(NamedTuple):
    """Business rules of a feed."""

    fresh_ms: int  # a post younger than this is fresh
    fresh_boost: float  # share of its absolute score that a fresh post gains, >= 0
    author_cap: int  # posts of one author among the first positions
    author_cap_window: int  # how many positions the cap covers


class Reranked(NamedTuple):
    """A feed of M = min(limit, C) posts."""

    order: I64  # [M] distinct positions in the candidates, first slot first
    scores: F32  # [M] final scores of these
    relaxed: int  # slots under the author cap that only capped authors were left to fill


@kernel
def rerank(scores: F32, authors: I32, age_ms: I64, rules: RerankRules, limit: int) -> Reranked:
    """Order C candidates by boosted score under the author cap, and keep the first `limit`.

    `scores[C]` of NaN come last whatever the rules say; equal scores keep their order of position. `authors[C]`
    are author rows, `age_ms[C]` milliseconds since publication. Allocates O(C) per call. Raises ValueError when
    the shapes do not fit.
    """
    if not len(scores) == len(authors) == len(age_ms):
        raise ValueError("scores, authors and age_ms must have one length")
    boosted = boost_fresh(scores, age_ms, rules.fresh_ms, rules.fresh_boost)
    order = top_k(boosted, len(boosted))
    scored = len(order)
    while scored > 0 and np.isnan(boosted[order[scored - 1]]):
        scored -= 1
    window = min(rules.author_cap_window, limit)
    order[:scored], relaxed = cap_authors(order[:scored], authors, rules.author_cap, window)
    order = order[: max(0, limit)]
    return Reranked(order, boosted[order], relaxed)


def rerank_numpy(scores: F32, authors: I32, age_ms: I64, rules: RerankRules, limit: int) -> Reranked:
    """The NumPy twin of `rerank`."""
    if not len(scores) == len(authors) == len(age_ms):
        raise ValueError("scores, authors and age_ms must have one length")
    boosted = boost_fresh_numpy(scores, age_ms, rules.fresh_ms, rules.fresh_boost)
    order = top_k_numpy(boosted, len(boosted))
    scored = len(order) - np.count_nonzero(np.isnan(boosted))
    window = min(rules.author_cap_window, limit)
    order[:scored], relaxed = cap_authors_numpy(order[:scored], authors, rules.author_cap, window)
    order = order[: max(0, limit)]
    return Reranked(order, boosted[order], relaxed)


@kernel
def boost_fresh(scores: F32, age_ms: I64, fresh_ms: int, fresh_boost: float) -> F32:
    """A copy of scores[C] in which posts younger than `fresh_ms` gain `fresh_boost` times their absolute score.

    A post from the future (a clock that runs ahead) is fresh. A score that the gain would not raise, such as NaN
    and the infinities, stays as it is.
    """
    boosted = scores.copy()
    boost = np.float32(fresh_boost)
    for i in range(len(scores)):
        raised = scores[i] + boost * abs(scores[i])
        if age_ms[i] < fresh_ms and raised > scores[i]:
            boosted[i] = raised
    return boosted


def boost_fresh_numpy(scores: F32, age_ms: I64, fresh_ms: int, fresh_boost: float) -> F32:
    """The NumPy twin of `boost_fresh`."""
    with np.errstate(invalid="ignore", over="ignore"):
        raised = scores + np.float32(fresh_boost) * np.abs(scores)
    return np.where((age_ms < fresh_ms) & (raised > scores), raised, scores)


@kernel
def cap_authors(order: I64, authors: I32, cap: int, window: int) -> tuple[I64, int]:
    """Reorder so that the first `window` slots hold at most `cap` posts of one author, as far as others are left.

    Greedy: each slot takes the first post of `order` whose author has not reached the cap. A post that is passed
    over stays capped to the end of the window, so one pass finds them all. Where every post left is capped, the
    first of them fill the slots; the second result counts these. Entries of `order` index `authors`.
    """
    window = max(0, min(window, len(order)))
    capped = np.empty_like(order)
    passed = np.empty_like(order)
    placed, passed_over, visited = 0, 0, 0
    while placed < window and visited < len(order):
        post = order[visited]
        visited += 1
        same = 0
        for i in range(placed):
            same += authors[capped[i]] == authors[post]
        if same < cap:
            capped[placed] = post
            placed += 1
        else:
            passed[passed_over] = post
            passed_over += 1
    capped[placed : placed + passed_over] = passed[:passed_over]
    capped[placed + passed_over :] = order[visited:]
    return capped, window - placed


def cap_authors_numpy(order: I64, authors: I32, cap: int, window: int) -> tuple[I64, int]:
    """The NumPy twin of `cap_authors`."""
    window = max(0, min(window, len(order)))
    _, author, posts = np.unique(authors[order], return_inverse=True, return_counts=True)
    by_author = np.argsort(author, kind="stable")
    nth = np.empty(len(order), np.int64)  # how many posts of the same author come before
    nth[by_author] = np.arange(len(order)) - np.repeat(np.cumsum(posts) - posts, posts)
    within = np.flatnonzero(nth < cap)[:window]
    return np.concatenate([order[within], np.delete(order, within)]), window - len(within)
