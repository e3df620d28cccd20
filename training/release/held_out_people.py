"""What the two-tower model is worth to people whom it did not learn from, beside what counting finds.

The last impressions of each of them are taken away. What they liked among these is to be found again, among all posts
that they had not been shown by then.
"""

from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from kernels.actions import NEGATIVE, POSITIVE
from kernels.columns import F32, I64
from training.evaluation.baselines import EASE_POSTS, cosine, ease
from training.evaluation.bootstrap import difference, resample
from training.evaluation.metrics import ByList
from training.evaluation.retrieval import matrix, shares_found
from training.evaluation.retrievers import Scorer, linear
from training.features.log import Log
from training.models.two_tower import UserTower
from training.release.user_vectors import user_vectors

#: Impressions that are taken away from everyone, and how many posts are looked through.
LAST: Final = 10
TOP: Final = 100


def measure_retrieval(log: Log, tower: Path, people: NDArray[np.bool_]) -> dict[str, Any]:
    """What a manifest says of the model in the folder `tower`: recall beside baselines, and how far it is ahead.

    `people`: mask [U] of the users whom it did not learn from. Nothing when none of them liked anything at last.
    """
    seen = log.impressions
    likes = (seen.actions & POSITIVE != 0) & (seen.actions & NEGATIVE == 0)
    taken = _last_of_each(log) & people[seen.user]
    shown, later = matrix(log, ~taken), matrix(log, taken & likes)
    positives = (later - later.multiply(shown)).tocsr()
    positives.eliminate_zeros()
    users = np.flatnonzero(np.diff(positives.indptr))
    if not len(users):
        return {}
    popularity = np.bincount(seen.post[likes & ~taken], minlength=shown.shape[1]).astype(np.float32)
    scorers: dict[str, Scorer] = {
        "two_tower": _nearest(log, tower, popularity),
        "popularity": lambda some: np.tile(popularity, (len(some), 1)),
    }
    if shown.shape[1] <= EASE_POSTS:
        scorers |= {"item_to_item": linear(shown, cosine(shown)), "ease": linear(shown, ease(shown))}
    found = {name: shares_found(shown, positives, users, scorer, [TOP], 0) for name, scorer in scorers.items()}
    draws = resample({name: ByList.mean(shares[:, 0]) for name, shares in found.items()})
    mine = draws.pop("two_tower")
    return {
        "users": len(users),
        "recall": {name: float(shares.mean()) for name, shares in found.items()},
        "ahead": {name: difference(mine, others) for name, others in draws.items()},
    }


def _last_of_each(log: Log) -> NDArray[np.bool_]:
    """Mask of the last impressions of each user, but never of the first one."""
    counts = np.diff(log.starts)
    place = np.arange(len(log.by_user)) - np.repeat(log.starts[:-1], counts)
    last = np.zeros(len(log.by_user), np.bool_)
    last[log.by_user] = (place >= np.repeat(counts, counts) - LAST) & (place > 0)
    return last


def _nearest(log: Log, folder: Path, otherwise: F32) -> Scorer:
    """The model as it serves at the first impression that is taken away; who has no vector gets `otherwise` [P]."""
    tower, posts = UserTower.load(folder), np.load(folder / "post_vectors.npy")

    def score(some: I64) -> F32:
        cuts = np.maximum(log.starts[some + 1] - LAST, log.starts[some] + 1)
        mine = user_vectors(log, tower, some, cuts, log.impressions.time_ms[log.by_user[cuts]])
        scores: F32 = mine @ posts.T
        scores[~mine.any(axis=1)] = otherwise
        return scores

    return score
