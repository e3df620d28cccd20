"""What is measured as a retriever: each gives users a score of all posts, by what is known at the end of training."""

from collections.abc import Callable, Sequence

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kernels.columns import F32, HOUR_MS, I64, U16
from kernels.merge import merge_sources
from training.evaluation.split import Split
from training.features.history import history_at
from training.features.log import Log

#: Scores float32[B, P] of all posts for users i64[B].
Scorer = Callable[[I64], F32]
#: A vector float32[D] from a user's post rows, action masks and hours ago, oldest first; zeros = nothing to go by.
Encode = Callable[[I64, U16, F32], F32]


class Histories:
    """What `users` had been shown at the end of training."""

    def __init__(self, log: Log, split: Split, users: I64) -> None:
        self.users = users
        self._end_ms = split.snapshot_ms(log)
        self._state = history_at(log, self._end_ms).users

    def encoded(self, encode: Encode) -> F32:
        """float32[len(users), D]."""
        state = self._state
        hours = ((self._end_ms - state.history_time_ms) / HOUR_MS).astype(np.float32)
        begin, end = state.history_begin[self.users].tolist(), state.history_end[self.users].tolist()
        mine = [slice(*ends) for ends in zip(begin, end, strict=True)]
        return np.stack([encode(state.history_post[s], state.history_actions[s], hours[s]) for s in mine])


def nearest(histories: Histories, encode: Encode, posts: F32, otherwise: F32) -> Scorer:
    """Products of users' vectors and `posts` [P, D]; who has no vector gets `otherwise` [P], as when serving."""
    vectors = histories.encoded(encode)

    def score(users: I64) -> F32:
        mine = vectors[np.searchsorted(histories.users, users)]
        scores: F32 = mine @ posts.T
        scores[~mine.any(axis=1)] = otherwise
        return scores

    return score


def linear(users_posts: sp.csr_matrix, weights: F32) -> Scorer:
    """Sum of the weights [P, P] from a user's posts."""
    rows = users_posts.astype(np.float32)
    return lambda users: rows[users] @ weights


def blended(scorers: Sequence[Scorer], shown: sp.csr_matrix, limit: int) -> Scorer:
    """The first `limit` posts of each scorer, without those `shown` [U, P], merged as serving merges its sources."""
    offsets = np.arange(len(scorers) + 1) * limit

    def score(users: I64) -> F32:
        seen = shown[users].tocoo()
        lists = []
        for scorer in scorers:
            scores = scorer(users)
            scores[seen.row, seen.col] = -np.inf
            lists.append(best(scores, limit).astype(np.int32))
        scores[:] = -np.inf
        for row, rows in enumerate(np.hstack(lists)):
            merged = merge_sources(rows, offsets, limit, scores.shape[1]).rows
            scores[row, merged] = -np.arange(len(merged))
        return scores

    return score


def best(scores: F32, k: int) -> NDArray[np.intp]:
    """Columns of the `k` greatest scores of each row, best first."""
    found = np.argpartition(-scores, k - 1, axis=1)[:, :k]
    order = np.argsort(-np.take_along_axis(scores, found, axis=1), axis=1, kind="stable")
    return np.take_along_axis(found, order, axis=1)
