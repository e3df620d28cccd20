"""The greedy pass against the proven optimum of the same quotas, by mixed-integer programming (HiGHS)."""

import math

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array

from kernels.boosts import nobody
from kernels.rerank import rerank
from tests.kernels.reranking import NO_RULE, plain

CANDIDATES, SLOTS = 24, 10
RULES = NO_RULE._replace(author_cap=2, author_cap_window=8, kind_run=3, kind_share=0.6, kind_window=8, new_share=0.2)
#: Higher positions are looked at more.
LOOKS = 1 / np.log2(np.arange(SLOTS) + 2)


def optimum(posts) -> float:
    """The greatest utility of any feed that meets all quotas."""
    rows, low, high = [], [], []

    def bound(candidates, slots, least, most):
        mask = np.zeros((len(posts.scores), SLOTS))
        mask[np.ix_(candidates, slots)] = 1
        rows.append(csr_array(mask.reshape(1, -1)))
        low.append(least)
        high.append(most)

    everyone, feed = np.arange(len(posts.scores)), np.arange(SLOTS)
    for i in everyone:
        bound([i], feed, 0, 1)
    for slot in feed:
        bound(everyone, [slot], 1, 1)
        owed = math.floor(RULES.new_share * (slot + 1) + 1e-9)
        bound(np.flatnonzero(posts.new), feed[: slot + 1], min(owed, posts.new.sum()), SLOTS)
    for author in np.unique(posts.authors):
        bound(np.flatnonzero(posts.authors == author), feed[: RULES.author_cap_window], 0, RULES.author_cap)
    for kind in np.unique(posts.kinds):
        of_kind = np.flatnonzero(posts.kinds == kind)
        bound(of_kind, feed[: RULES.kind_window], 0, math.ceil(RULES.kind_share * RULES.kind_window))
        for begin in range(SLOTS - RULES.kind_run):
            bound(of_kind, feed[begin : begin + RULES.kind_run + 1], 0, RULES.kind_run)
    gains = np.outer(posts.scores.astype(np.float64), LOOKS).ravel()
    matrix = csr_array(np.vstack([row.toarray() for row in rows]))
    solved = milp(-gains, constraints=LinearConstraint(matrix, low, high), bounds=Bounds(0, 1), integrality=1)
    assert solved.status == 0, solved.message
    return -solved.fun


def test_greedy_keeps_98_percent_of_the_best_utility_that_the_quotas_allow():
    rng, shares = np.random.default_rng(0), []
    for _ in range(15):
        posts = plain(
            np.sort(rng.gamma(2.0, size=CANDIDATES))[::-1],
            authors=rng.integers(0, 8, CANDIDATES),
            kinds=rng.choice(np.array([1, 1, 1, 2, 3], np.int16), CANDIDATES),
            new=rng.random(CANDIDATES) < 0.15,
        )
        reranked = rerank(posts, nobody(), RULES, SLOTS)
        if not reranked.relaxed.any():  # else it did what the optimum must not
            shares.append(posts.scores[reranked.order] @ LOOKS / optimum(posts))
    assert len(shares) >= 10
    assert max(shares) <= 1 + 1e-6
    assert np.mean(shares) >= 0.98
