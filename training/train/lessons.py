"""What a batch of the two-tower model has besides targets and candidates: a user's own negatives, and lessons."""

from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kernels.columns import F32, I32, I64
from training.models.two_tower_network import Batch
from training.train.sequence_batches import Sequences, places_in, spread
from training.train.teacher import Lessons

#: Of sequences with lessons, the share that is cut where one of them takes place.
TAUGHT: Final = 0.5
#: More than any millisecond.
_TIMES: Final = 1 << 42


class SequenceLessons:
    """The lessons whose moments lie in the sequences of this worker. R lessons, S sequences."""

    def __init__(self, lessons: Lessons, sequences: Sequences, posts: int) -> None:
        """`posts`: P."""
        rows, owner = spread(sequences.offsets[:-1] + np.maximum(sequences.lead, 1), sequences.offsets[1:])
        moments = sequences.user[owner].astype(np.int64) * _TIMES + sequences.time_ms[rows]
        wanted = lessons.user.astype(np.int64) * _TIMES + lessons.time_ms
        order = np.argsort(moments, kind="stable")
        at = order[np.minimum(np.searchsorted(moments, wanted, sorter=order), len(order) - 1)]
        here = np.flatnonzero(moments[at] == wanted)
        here = here[np.argsort(at[here], kind="stable")]  # by sequence: rows and owners ascend together
        self.cut: I64 = rows[at[here]]
        self.post, self.share = lessons.post[here], _shares(lessons.logit[here])
        self._begin = np.searchsorted(owner[at[here]], np.arange(len(sequences) + 1))
        self._posts = posts
        pairs = lessons.user[:, None].astype(np.int64) * posts + lessons.post
        self._hard = np.unique(pairs[lessons.hard])

    def moments(self, chosen: I64, cut: I64, rng: np.random.Generator) -> tuple[I64, I64]:
        """The cuts [B] of the sequences `chosen`, some of them moved to where a lesson is, and the lesson or -1."""
        begin, count = self._begin[chosen], np.diff(self._begin)[chosen]
        lesson = begin + (rng.random(len(chosen)) * count).astype(np.int64)
        lesson[(count == 0) | (rng.random(len(chosen)) >= TAUGHT)] = -1
        return np.where(lesson < 0, cut, self.cut[lesson] if len(self.cut) else cut), lesson

    def hard(self, users: I32, posts: I32) -> NDArray[np.bool_]:
        """Whether each pair [N] is one that the ranker was wrong about."""
        return np.isin(users.astype(np.int64) * self._posts + posts, self._hard)

    def taught(self, batch: Batch, lesson: I64, weight: float) -> Batch:
        """`batch` with the lessons [B] of its users, -1 = none."""
        users = np.flatnonzero(lesson >= 0)
        batch, places = _with_posts(batch, self.post[lesson[users]])
        share = torch.from_numpy(self.share[lesson[users]])
        return batch._replace(
            taught_user=torch.from_numpy(users), taught_post=places, taught_share=share, taught_weight=weight
        )


def with_negatives(batch: Batch, users: I64, posts: I32, weights: F32) -> Batch:
    """`batch` with negatives of single users [N]: so many posts like it each of them counts for."""
    batch, places = _with_posts(batch, posts)
    return batch._replace(
        negative_user=torch.from_numpy(users), negative_post=places, negative_weight=torch.from_numpy(weights)
    )


def _with_posts(batch: Batch, rows: NDArray[Any]) -> tuple[Batch, Tensor]:
    """`batch` with post rows [...] among its posts, and their places there."""
    posts, places = places_in(batch.posts.numpy(), rows)
    return batch._replace(posts=torch.from_numpy(posts)), torch.from_numpy(places)


def _shares(logits: F32) -> F32:
    """softmax of [R, K]: odds as a choice among the posts of a lesson."""
    odds = np.exp(logits - logits.max(axis=1, keepdims=True, initial=-np.inf))
    shares: F32 = odds / odds.sum(axis=1, keepdims=True)
    return shares
