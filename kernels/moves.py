"""What moved a post from its place by score to its slot: for explanations, off the path of requests."""

from typing import Final

import numpy as np

from kernels.boosts import FACTORS, SERVED
from kernels.columns import F32, I64
from kernels.rerank import RULES, Reranked
from kernels.rerank_numpy import scaled_numpy
from kernels.topk import top_k_numpy

#: Each boost, then decay by author and diversity together (those of the others too), then each rule.
MOVERS: Final = (*FACTORS[: SERVED + 1], "decays", *RULES)


def moves(scores: F32, reranked: Reranked) -> I64:
    """Places by which each of MOVERS moved the posts of a feed, > 0 = up: int64[M, len(MOVERS)].

    `scores[C]` are those that were re-ranked. Boosts count in their order, each after those before it. A row adds up to
    the place by score minus the slot.
    """
    order = reranked.order
    before = _places(scores)
    moved = np.zeros((len(order), len(MOVERS)), np.int64)
    moved[:, SERVED + 2 :] = reranked.places[order]
    total = before[order] - np.arange(len(order))
    product = np.ones(len(scores), np.float32)
    for f in range(SERVED + 1):
        product = product * reranked.factors[:, f]
        after = _places(scaled_numpy(scores, product))
        moved[:, f] = (before - after)[order]
        before = after
    moved[:, SERVED + 1] = total - moved.sum(axis=1)
    return moved


def _places(scores: F32) -> I64:
    """The place of each of scores[C], the best one's is 0."""
    places = np.empty(len(scores), np.int64)
    places[top_k_numpy(scores, len(scores))] = np.arange(len(scores))
    return places
