"""Which authors post alike: nearest neighbours by the mean of their posts' vectors."""

from typing import Final

import numpy as np

from kernels.columns import F32, I32
from training.models.post_tower import unit
from training.release.index import make_index

#: Similar authors kept of each.
SIMILAR: Final = 8
NONE: Final = -1
FILE: Final = "similar_authors.npy"
_SLICE: Final = 16_384


def similar_authors(vectors: F32, authors: I32, count: int) -> I32:
    """Rows of the authors most similar to each of `count`, the nearest first: int32[A, SIMILAR]; NONE: no more.

    Args:
        vectors: float32[P, D] of posts, at unit length.
        authors: int32[P] the row of each post's author.
    """
    means = np.zeros((count, vectors.shape[1]), np.float32)
    np.add.at(means, authors, vectors)
    known = np.flatnonzero(np.abs(means).sum(axis=1) > 0)
    similar = np.full((count, SIMILAR), NONE, np.int32)
    if len(known) < 2:
        return similar
    index = make_index(means, known)
    for begin in range(0, len(known), _SLICE):
        some = known[begin : begin + _SLICE]
        _, found = index.search(unit(means[some]), SIMILAR + 1)
        others = np.where(found >= 0, known[found], NONE)
        others[others == some[:, None]] = NONE  # everyone is most like themselves
        order = np.argsort(others == NONE, axis=1, kind="stable")[:, :SIMILAR]
        similar[some] = np.take_along_axis(others, order, axis=1)
    return similar
