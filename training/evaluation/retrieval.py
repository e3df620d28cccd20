"""Retrieval on held-out days: how many of the posts that people came to like are among the first k of all posts.

A positive is a post that got a long view or a like, or was watched to its end, on a test day. Posts that the user was
shown up to the end of training are neither positives nor candidates. Recall@k is the share of a user's positives
among the first k candidates, averaged over the users who have any.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kernels.actions import BIT
from kernels.columns import DAY_MS, F32, HOUR_MS, I64
from training.data.dataset import DataSet
from training.evaluation.baselines import EASE_POSTS, cosine, ease
from training.evaluation.split import Split
from training.features.history import history_at
from training.features.log import Log
from training.models.two_tower import UserTower

#: Scores float32[B, P] of all posts for users i64[B].
Scorer = Callable[[I64], F32]
#: Days whose popularity counts.
FRESH_DAYS = 7
#: Users scored at a time.
_BATCH = 1000


@dataclass(frozen=True, slots=True)
class RetrievalResult:
    users: int  # with a positive
    positives: int
    posts: int  # in the catalogue
    quality: dict[str, dict[str, float]]  # retriever -> recall@k


class HeldOut:
    """Who was shown what up to the end of training, and what they came to like afterwards: [U, P], 0 or 1."""

    def __init__(self, dataset: DataSet, split: Split) -> None:
        log = Log.load(dataset)
        rows, date = log.impressions, log.impressions.date
        liked = _liked(dataset, log)
        past, test = date <= split.train_until, (date >= split.first) & (date <= split.last)
        fresh = past & (rows.time_ms >= split.snapshot_ms(log) - FRESH_DAYS * DAY_MS)
        self.shown = _matrix(log, past)
        self.liked = _matrix(log, past & liked)
        self.popularity = np.bincount(rows.post[fresh & liked], minlength=len(log.posts.ids)).astype(np.float32)
        later = _matrix(log, test & liked)
        self.positives = (later - later.multiply(self.shown)).tocsr()
        self.positives.eliminate_zeros()
        self.users: I64 = np.flatnonzero(np.diff(self.positives.indptr))


def evaluate_retrieval(dataset: DataSet, split: Split, ks: Sequence[int], model: Path, seed: int) -> RetrievalResult:
    """Measure the two-tower model in the folder `model`, trained up to `split.train_until`, and its baselines."""
    held_out = HeldOut(dataset, split)
    return RetrievalResult(
        users=len(held_out.users),
        positives=held_out.positives.nnz,
        posts=held_out.shown.shape[1],
        quality={
            name: recalls(held_out, scorer, ks, seed)
            for name, scorer in _retrievers(dataset, split, held_out, model, seed)
        },
    )


def _retrievers(
    dataset: DataSet, split: Split, held_out: HeldOut, model: Path, seed: int
) -> Iterator[tuple[str, Scorer]]:
    posts, popularity = held_out.shown.shape[1], held_out.popularity
    yield "two_tower", two_tower(Log.load(dataset, split.train_until), split, held_out.users, popularity, model)
    if posts <= EASE_POSTS:
        yield "ease (shown)", linear(held_out.shown, ease(held_out.shown))
        yield "ease (liked)", linear(held_out.liked, ease(held_out.liked))
        yield "item_to_item (shown)", linear(held_out.shown, cosine(held_out.shown))
        yield "item_to_item (liked)", linear(held_out.liked, cosine(held_out.liked))
    yield f"popularity ({FRESH_DAYS} days)", lambda users: np.tile(popularity, (len(users), 1))
    rng = np.random.default_rng(seed)
    yield "random", lambda users: rng.random((len(users), posts), np.float32)


def two_tower(log: Log, split: Split, users: I64, popularity: F32, folder: Path) -> Scorer:
    """Users by their histories at the end of training; who has none gets what is popular, as when serving."""
    tower, posts = UserTower.load(folder), np.load(folder / "post_vectors.npy")
    end_ms = split.snapshot_ms(log)
    state = history_at(log, end_ms).users
    hours = ((end_ms - state.history_time_ms) / HOUR_MS).astype(np.float32)
    vectors = np.stack(
        [
            tower.encode(state.history_post[begin:end], state.history_actions[begin:end], hours[begin:end])
            for begin, end in zip(state.history_begin[users], state.history_end[users], strict=True)
        ]
    )

    def score(some: I64) -> F32:
        known = vectors[np.searchsorted(users, some)]
        scores: F32 = known @ posts.T
        scores[~known.any(axis=1)] = popularity
        return scores

    return score


def linear(users_posts: sp.csr_matrix, weights: F32) -> Scorer:
    """Sum of the weights [P, P] from a user's posts."""
    rows = users_posts.astype(np.float32)
    return lambda users: rows[users] @ weights


def recalls(held_out: HeldOut, scorer: Scorer, ks: Sequence[int], seed: int) -> dict[str, float]:
    """Recall at each of `ks`. Equal scores are taken in an order drawn with `seed`."""
    users, posts = held_out.users, held_out.shown.shape[1]
    shuffled = np.random.default_rng(seed).permutation(posts)
    most = min(max(ks), posts)
    shares = []
    for begin in range(0, len(users), _BATCH):
        some = users[begin : begin + _BATCH]
        scores = scorer(some)
        seen = held_out.shown[some].tocoo()
        scores[seen.row, seen.col] = -np.inf
        best = _best(scores[:, shuffled], most)
        positives = held_out.positives[some].toarray()
        hits = np.take_along_axis(positives[:, shuffled], best, axis=1).cumsum(axis=1)
        shares.append(hits[:, [min(k, posts) - 1 for k in ks]] / positives.sum(axis=1, keepdims=True))
    means = np.concatenate(shares).mean(axis=0)
    return {f"recall@{k}": float(mean) for k, mean in zip(ks, means, strict=True)}


def _best(scores: F32, k: int) -> NDArray[np.intp]:
    """Columns of the `k` greatest scores of each row, best first."""
    best = np.argpartition(-scores, k - 1, axis=1)[:, :k]
    order = np.argsort(-np.take_along_axis(scores, best, axis=1), axis=1, kind="stable")
    return np.take_along_axis(best, order, axis=1)


def _liked(dataset: DataSet, log: Log) -> NDArray[np.bool_]:
    """Impressions with a long view, a like, or a stay as long as the post: [N], in the log's order."""
    watch_ms = dataset.read("impressions", ["watch_ms"])["watch_ms"].to_numpy().astype(np.float64)
    duration_ms = dataset.read("posts", ["duration_ms"])["duration_ms"].to_numpy().astype(np.float64)
    duration_ms = duration_ms[log.impressions.post]
    finished = (watch_ms >= duration_ms) & (duration_ms > 0)  # unknown ones are NaN, and no comparison holds
    liked: NDArray[np.bool_] = finished | (log.impressions.actions & (BIT["long_view"] | BIT["like"]) != 0)
    return liked


def _matrix(log: Log, rows: NDArray[np.bool_]) -> sp.csr_matrix:
    """Users x posts of the chosen impressions, 1 where there is any."""
    shape = (len(log.users.ids), len(log.posts.ids))
    users, posts = log.impressions.user[rows], log.impressions.post[rows]
    matrix: Any = sp.csr_matrix((np.ones(len(users), np.float32), (users, posts)), shape=shape)
    matrix.data[:] = 1
    return matrix
