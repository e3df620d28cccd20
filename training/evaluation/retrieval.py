"""Retrieval on held-out days: how many of the posts that people came to like are among the first k of all posts.

A positive is a post that got a long view or a like, or was watched to its end, on a test day. Posts that the user was
shown up to the end of training are neither positives nor candidates. Recall@k is the share of a user's positives
among the first k candidates, averaged over the users who have any.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kernels.columns import DAY_MS, I64
from training.data.dataset import DataSet
from training.evaluation.baselines import EASE_POSTS, cosine, ease
from training.evaluation.liked import liked
from training.evaluation.ranked import F64
from training.evaluation.retrievers import Histories, Scorer, best, blended, linear, nearest
from training.evaluation.split import Split
from training.features.log import Log
from training.models.session import SessionEncoder
from training.models.two_tower import UserTower
from training.train.sasrec import Sasrec

#: Days whose popularity counts.
FRESH_DAYS = 7
POPULARITY = f"popularity ({FRESH_DAYS} days)"
#: What is measured together, in the order in which serving merges it.
BLENDS = {"blended": ("two_tower", "session"), "blended, popular too": ("two_tower", "session", POPULARITY)}
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
        likes = liked(dataset, log)
        past, test = date <= split.train_until, (date >= split.first) & (date <= split.last)
        fresh = past & (rows.time_ms >= split.snapshot_ms(log) - FRESH_DAYS * DAY_MS)
        self.shown = matrix(log, past)
        self.liked = matrix(log, past & likes)
        self.popularity = np.bincount(rows.post[fresh & likes], minlength=len(log.posts.ids)).astype(np.float32)
        later = matrix(log, test & likes)
        self.positives = (later - later.multiply(self.shown)).tocsr()
        self.positives.eliminate_zeros()
        self.users: I64 = np.flatnonzero(np.diff(self.positives.indptr))


def evaluate_retrieval(dataset: DataSet, split: Split, ks: Sequence[int], work: Path, seed: int) -> RetrievalResult:
    """Measure the models in the folders of `work`, trained up to `split.train_until`, and their baselines."""
    held_out = HeldOut(dataset, split)
    scorers = _learned(Log.load(dataset, split.train_until), split, held_out, work)
    scorers |= _counted(held_out, seed)
    ks = sorted(ks)
    most = min(ks[-1], held_out.shown.shape[1])
    scorers |= {
        name: blended([scorers[source] for source in sources], held_out.shown, most) for name, sources in BLENDS.items()
    }
    return RetrievalResult(
        users=len(held_out.users),
        positives=held_out.positives.nnz,
        posts=held_out.shown.shape[1],
        quality={name: recalls(held_out, scorer, ks, seed) for name, scorer in scorers.items()},
    )


def _learned(log: Log, split: Split, held_out: HeldOut, work: Path) -> dict[str, Scorer]:
    """The models that gradient descent or least squares has made."""
    histories = Histories(log, split, held_out.users)
    tower, posts = UserTower.load(work / "two_tower"), np.load(work / "two_tower" / "post_vectors.npy")
    session = SessionEncoder.load(work / "session", tower.history_vectors)
    sasrec = Sasrec.load(work / "sasrec")
    mf_users, mf_posts = (np.load(work / "mf" / f"{name}.npy") for name in ("users", "posts"))
    popular = held_out.popularity
    return {
        "two_tower": nearest(histories, tower.encode, posts, popular),
        "session": nearest(histories, session.encode, posts, popular),
        "sasrec": nearest(histories, sasrec.encode, sasrec.posts, popular),
        "mf": lambda users: mf_users[users] @ mf_posts.T,
    }


def _counted(held_out: HeldOut, seed: int) -> dict[str, Scorer]:
    """What follows from counting."""
    shown, liked, popularity = held_out.shown, held_out.liked, held_out.popularity
    scorers: dict[str, Scorer] = {}
    if shown.shape[1] <= EASE_POSTS:
        scorers["ease (shown)"] = linear(shown, ease(shown))
        scorers["ease (liked)"] = linear(liked, ease(liked))
        scorers["item_to_item (shown)"] = linear(shown, cosine(shown))
        scorers["item_to_item (liked)"] = linear(liked, cosine(liked))
    scorers[POPULARITY] = lambda users: np.tile(popularity, (len(users), 1))
    rng = np.random.default_rng(seed)
    scorers["random"] = lambda users: rng.random((len(users), shown.shape[1]), np.float32)
    return scorers


def recalls(held_out: HeldOut, scorer: Scorer, ks: Sequence[int], seed: int) -> dict[str, float]:
    """Recall at each of `ks`. Equal scores are taken in an order drawn with `seed`."""
    means = shares_found(held_out.shown, held_out.positives, held_out.users, scorer, ks, seed).mean(axis=0)
    return {f"recall@{k}": float(mean) for k, mean in zip(ks, means, strict=True)}


def shares_found(
    shown: sp.csr_matrix, positives: sp.csr_matrix, users: I64, scorer: Scorer, ks: Sequence[int], seed: int
) -> F64:
    """Share [N, K] of the `positives` [U, P] of N users that is among the first k posts not `shown` [U, P] to them."""
    posts = shown.shape[1]
    shuffled = np.random.default_rng(seed).permutation(posts)
    most = min(max(ks), posts)
    shares = []
    for begin in range(0, len(users), _BATCH):
        some = users[begin : begin + _BATCH]
        scores = scorer(some)
        seen = shown[some].tocoo()
        scores[seen.row, seen.col] = -np.inf
        first = best(scores[:, shuffled], most)
        wanted = positives[some].toarray()
        hits = np.take_along_axis(wanted[:, shuffled], first, axis=1).cumsum(axis=1)
        shares.append(hits[:, [min(k, posts) - 1 for k in ks]] / wanted.sum(axis=1, keepdims=True))
    found: F64 = np.concatenate(shares)
    return found


def matrix(log: Log, rows: NDArray[np.bool_]) -> sp.csr_matrix:
    """Users x posts of the chosen impressions, 1 where there is any."""
    shape = (len(log.users.ids), len(log.posts.ids))
    users, posts = log.impressions.user[rows], log.impressions.post[rows]
    met: Any = sp.csr_matrix((np.ones(len(users), np.float32), (users, posts)), shape=shape)
    met.data[:] = 1
    return met
