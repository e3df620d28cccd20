"""The NumPy twin of `kernels.rerank` and `kernels.boosts`: slot by slot, over all that is left."""

import math

import numpy as np
from numpy.typing import NDArray

from kernels.boosts import BOOL, CAMPAIGN, CLOSE, FACTORS, FRESH, SERVED, RerankPosts, RerankRules, RerankViewer, check
from kernels.columns import F32, I64
from kernels.decay import fade
from kernels.rerank import DECAY, DIVERSITY, RULES, Reranked
from kernels.topk import top_k_numpy

F64 = NDArray[np.float64]


def scaled_numpy(scores: F32, factors: F32) -> F32:
    """The NumPy twin of `scaled`."""
    with np.errstate(over="ignore"):
        return np.where(scores >= 0, scores * factors, scores / factors)


def boost_numpy(posts: RerankPosts, viewer: RerankViewer, rules: RerankRules) -> tuple[F32, F32]:
    """The NumPy twin of `boost`."""
    check(posts)
    served = np.zeros(len(posts.scores))
    for author, age_ms in zip(viewer.served, viewer.served_age_ms.tolist(), strict=True):
        served += np.where(posts.authors == author, fade(age_ms, rules.served_ms), 0.0)
    remembered = [math.exp(n * math.log(rules.served_decay)) for n in served.tolist()]
    factors = np.ones((len(served), len(FACTORS)), np.float32)
    factors[:, FRESH] = np.where(posts.age_ms < rules.fresh_ms, 1 + rules.fresh_boost, 1)
    factors[:, CLOSE] = np.where(np.isin(posts.authors, viewer.close), 1 + rules.close_boost, 1)
    factors[:, CAMPAIGN] = posts.campaigns
    factors[:, SERVED] = np.maximum(rules.served_floor, remembered)
    return scaled_numpy(posts.scores, np.multiply.reduce(factors, axis=1)), factors


def rerank_numpy(posts: RerankPosts, viewer: RerankViewer, rules: RerankRules, limit: int) -> Reranked:
    """The NumPy twin of `rerank`."""
    boosted, factors = boost_numpy(posts, viewer, rules)
    line = top_k_numpy(boosted, len(boosted))
    size = max(0, min(limit, len(line)))
    feed, scores = line[:size].copy(), boosted[line[:size]]
    places, relaxed = np.zeros((len(line), len(RULES)), np.int32), np.zeros(len(RULES), np.int64)
    line = line[~np.isnan(boosted[line])]
    nearest = np.zeros(len(boosted), np.float32)
    for slot in range(min(size, len(line))):
        placed = feed[:slot]
        left = line[~np.isin(line, placed)]
        before = (posts.authors[left][:, None] == posts.authors[placed]).sum(axis=1)
        powers = [math.pow(rules.author_decay, n) for n in before.tolist()]
        decay = np.maximum(rules.author_decay_floor, powers).astype(np.float32)
        diversity = 1 - np.float32(rules.diversity) * nearest[left]
        worth = scaled_numpy(boosted[left], decay * diversity)
        broken = _broken(posts, rules, left, placed, before, slot, size)
        least = np.flatnonzero(broken == broken.min())
        best = least[worth[least].argmax()]
        i = feed[slot] = left[best]
        scores[slot], factors[i, DECAY], factors[i, DIVERSITY] = worth[best], decay[best], diversity[best]
        passed = worth > worth[best]
        passed[:best] |= worth[:best] == worth[best]
        rule = np.log2(broken[passed]).astype(np.int64)
        places[left[passed], rule] -= 1
        places[i] += np.bincount(rule, minlength=len(RULES)).astype(np.int32)
        relaxed += broken[best] >> np.arange(len(RULES)) & 1
        if slot < rules.diversity_window and rules.diversity > 0:
            nearest = np.maximum(nearest, np.minimum(_cosines(posts.content, i), np.float32(1)))
    return Reranked(feed, scores, factors, places, relaxed)


def _broken(
    posts: RerankPosts, rules: RerankRules, left: I64, placed: I64, before: I64, slot: int, size: int
) -> NDArray[np.int64]:
    """The rules that each of `left` would break in this slot, int64[left]."""
    kinds, before_it = posts.kinds[left], posts.kinds[placed]
    cap = math.ceil(rules.kind_share * min(rules.kind_window, size) - 1e-9)
    run = before_it[slot - rules.kind_run :] if slot >= rules.kind_run else before_it[:0]
    of_kind = (kinds[:, None] == before_it).sum(axis=1)
    due = posts.new[left].any() and math.floor(rules.new_share * (slot + 1) + 1e-9) > posts.new[placed].sum()
    breaks: list[BOOL] = [
        (kinds > 0) & (len(run) > 0) & (kinds[:, None] == run).all(axis=1),
        (kinds > 0) & (slot < rules.kind_window) & (of_kind >= cap),
        due & ~posts.new[left],
        (slot < rules.author_cap_window) & (before >= rules.author_cap),
    ]
    broken = np.zeros(len(left), np.int64)
    for r, mask in enumerate(breaks):
        broken |= mask.astype(np.int64) << r
    return broken


def _cosines(content: F32, i: int) -> F32:
    """Of every post with post `i`, float32[C]: sums in the order of the dimensions."""
    cosines = np.zeros(len(content), np.float32)
    for e in range(content.shape[1]):
        cosines += content[:, e] * content[i, e]
    return cosines
