"""Boosts: what multiplies a candidate's score before any slot is filled, and the types of re-ranking."""

import math
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from kernels.columns import F32, I16, I32, I64
from kernels.decay import fade
from kernels.jit import kernel

BOOL = NDArray[np.bool_]

#: What a score is multiplied by, in the order in which it is. The first ones are boosts, the last two are of the feed.
FACTORS: Final = ("fresh", "close_friend", "campaign", "served", "author_decay", "diversity")
FRESH, CLOSE, CAMPAIGN, SERVED = range(4)


class RerankRules(NamedTuple):
    """Business rules of a feed."""

    fresh_ms: int  # a post younger than this is fresh
    fresh_boost: float  # share of its score that a fresh post gains, >= 0
    close_boost: float  # share that a close friend's post gains, >= 0
    served_ms: int  # time constant with which it is forgotten whose posts were shown, > 0
    served_decay: float  # for each post of the author that was shown just now, in (0, 1]
    served_floor: float  # the least that leaves of a score, in (0, 1]
    author_decay: float  # for each post of the author before it in the feed, in (0, 1]
    author_decay_floor: float  # the least that leaves of a score, in (0, 1]
    diversity: float  # share that a post loses whose like is in the feed, in [0, 1)
    diversity_window: int  # how many first positions others are compared with
    author_cap: int  # posts of one author among the first positions
    author_cap_window: int  # how many positions the cap covers
    kind_run: int  # posts of one content type in a row, >= 1
    kind_share: float  # share of the first positions that one content type may take, in (0, 1]
    kind_window: int  # how many positions that covers
    new_share: float  # share of the positions, from the first one on, that new creators have at least


class RerankPosts(NamedTuple):
    """C candidates."""

    scores: F32  # [C]
    authors: I32  # [C] author rows
    age_ms: I64  # [C] since publication
    kinds: I16  # [C] content type codes; 0 = unknown, which no rule is about
    new: BOOL  # [C] true = of a new creator
    campaigns: F32  # [C] what campaigns multiply its score by; 1 = none does
    content: F32  # [C, E] unit length, or zero where unknown


class RerankViewer(NamedTuple):
    """The user: G close friends, and S posts that were shown lately."""

    close: I32  # [G] author rows, in any order
    served: I32  # [S] author rows; negative ones are nobody
    served_age_ms: I64  # [S]


def nobody() -> RerankViewer:
    """A user of whom nothing is known."""
    return RerankViewer(np.zeros(0, np.int32), np.zeros(0, np.int32), np.zeros(0, np.int64))


@kernel
def scaled(score: np.float32, factor: np.float32) -> np.float32:
    """A score times a factor > 0 in such a way that a greater factor is never worse: a negative one is divided."""
    # np.divide does not look for zeros, as `/` does: so loops over scores are vectorised.
    return score * factor if score >= 0 else np.divide(score, factor)


@kernel
def diversity(nearest: np.float32, share: np.float32) -> np.float32:
    """What a post is multiplied by whose greatest cosine to a post of the feed is `nearest`."""
    return np.float32(1) - share * nearest


@kernel
def check(posts: RerankPosts) -> None:
    """Raises ValueError when the shapes do not fit."""
    count = len(posts.scores)
    if not count == len(posts.authors) == len(posts.age_ms) == len(posts.kinds) == len(posts.new):
        raise ValueError("scores, authors, age_ms, kinds and new must have one length")
    if not count == len(posts.campaigns) == len(posts.content):
        raise ValueError("scores, campaigns and content must have one length")


@kernel
def boost(posts: RerankPosts, viewer: RerankViewer, rules: RerankRules) -> tuple[F32, F32]:
    """Boosted scores [C], and the factors [C, len(FACTORS)] behind them, those of the feed still 1.

    A post from the future (a clock that runs ahead) is fresh. Raises ValueError when the shapes do not fit.
    """
    count = len(posts.scores)
    check(posts)
    served, forgetting = _served(posts.authors, viewer, rules), math.log(rules.served_decay)
    close = np.zeros(count, np.bool_)
    for author in viewer.close:
        for i in range(count):
            close[i] |= posts.authors[i] == author
    factors, boosted = np.ones((count, len(FACTORS)), np.float32), np.empty(count, np.float32)
    for i in range(count):
        if posts.age_ms[i] < rules.fresh_ms:
            factors[i, FRESH] = 1.0 + rules.fresh_boost
        if close[i]:
            factors[i, CLOSE] = 1.0 + rules.close_boost
        factors[i, CAMPAIGN] = posts.campaigns[i]
        factors[i, SERVED] = max(rules.served_floor, math.exp(served[i] * forgetting))
        factor = np.float32(1)
        for f in range(SERVED + 1):
            factor *= factors[i, f]
        boosted[i] = scaled(posts.scores[i], factor)
    return boosted, factors


@kernel
def _served(authors: I32, viewer: RerankViewer, rules: RerankRules) -> NDArray[np.float64]:
    """How many posts of each candidate's author were shown, as far as that is remembered: float64[C]."""
    served = np.zeros(len(authors), np.float64)
    for s in range(len(viewer.served)):
        weight = fade(viewer.served_age_ms[s], rules.served_ms)
        for i in range(len(authors)):  # all sums side by side
            served[i] += weight if authors[i] == viewer.served[s] else 0.0
    return served
