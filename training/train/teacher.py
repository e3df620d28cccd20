"""What the ranker says of (user, post) pairs, for the two-tower model to learn from: soft targets and hard negatives.

A lesson is a user at the beginning of a day on which they came, and posts, half of them drawn from what they were then
shown and half from all posts, each with the ranker's odds of a positive action by what was known at that moment.
R lessons, K posts of each.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from kernels.actions import ACTIONS, BIT, POSITIVE
from kernels.columns import F32, I32, I64
from training.features.history import History, contexts_of
from training.features.log import Log
from training.models.ranker import RankerModel
from training.train.steps import Metrics, Step

FILE: Final = "lessons.npz"
_LEAST: Final = 1e-6


@dataclass(frozen=True, slots=True)
class Teaching:
    """How many lessons there are."""

    days: int = 7  # the last ones of the log
    posts: int = 16
    seed: int = 1


class Lessons(NamedTuple):
    user: I32  # [R] user rows
    time_ms: I64  # [R] when the user's first impression of the day came
    post: I32  # [R, K] post rows
    logit: F32  # [R, K] log odds of a positive action
    hard: NDArray[np.bool_]  # [R, K] shown, no positive action, and scored above most of those that got one

    @classmethod
    def load(cls, path: Path) -> "Lessons":
        with np.load(path, allow_pickle=False) as columns:
            return cls(*(columns[name] for name in cls._fields))


def build_lessons(step: Step, log: Log, ranker: RankerModel, tell: Callable[[int, int], None]) -> Metrics:
    """Write `lessons.npz`; the step's config is a Teaching. `tell` hears how many days are done, and of how many."""
    how: Teaching = step.config
    rng = np.random.default_rng(how.seed)
    last = log.day(int(log.impressions.time_ms[-1]))
    days = range(max(log.day(int(log.impressions.time_ms[0])), last - how.days + 1), last + 1)
    history, parts = History(log), []
    for done, day in enumerate(days, start=1):
        history.advance(log.day_start_ms(day))
        rows = log.rows_between(log.day_start_ms(day), log.day_start_ms(day + 1))
        if rows.stop > rows.start:
            parts.append(_day(log, history, ranker, rows, how.posts, rng))
        tell(done, len(days))
    user, time_ms, post, logit, shown, liked = (np.concatenate(column) for column in zip(*parts, strict=True))
    bar = float(np.median(logit[liked])) if liked.any() else np.inf
    hard = shown & ~liked & (logit > bar)
    np.savez(step.folder / FILE, **Lessons(user, time_ms, post, logit, hard)._asdict())
    return {"lessons": len(user), "pairs": int(post.size), "hard": int(hard.sum())}


def _day(
    log: Log, history: History, ranker: RankerModel, rows: slice, posts: int, rng: np.random.Generator
) -> tuple[NDArray[np.generic], ...]:
    """User, time, posts, logits, and what of these was shown and liked, of everyone who came on a day."""
    seen = log.impressions
    order = rows.start + np.argsort(seen.user[rows], kind="stable")
    user, first, count = np.unique(seen.user[order], return_index=True, return_counts=True)
    drawn = order[first[:, None] + (rng.random((len(user), posts // 2)) * count[:, None]).astype(np.int64)]
    others = rng.integers(0, len(log.posts.ids), (len(user), posts - posts // 2))
    post = np.concatenate([seen.post[drawn], others.astype(np.int32)], axis=1)
    contexts = contexts_of(log, np.repeat(order[first], posts), np.repeat(user, posts))
    x = history.features(contexts, post.reshape(-1)).reshape(len(user), posts, -1)
    chance = np.stack([positive(ranker, u, p, x[i]) for i, (u, p) in enumerate(zip(user.tolist(), post, strict=True))])
    nothing = np.zeros(others.shape, np.bool_)
    liked = np.concatenate([seen.actions[drawn] & POSITIVE != 0, nothing], axis=1)
    shown = np.concatenate([~nothing[:, :1].repeat(posts // 2, axis=1), nothing], axis=1)
    logit = (np.log(chance) - np.log1p(-chance)).astype(np.float32)
    return user, seen.time_ms[order[first]], post, logit, shown, liked


def positive(ranker: RankerModel, user: int, posts: I32, x: F32) -> F32:
    """The ranker's chance float32[K] of any positive action, as if one came independently of another."""
    heads = [h for h, name in enumerate(ranker.heads) if name in ACTIONS and BIT[name] & POSITIVE]
    missed = np.prod(1 - ranker.predict(user, posts.astype(np.int64), x)[:, heads], axis=1)
    chance: F32 = np.clip(1 - missed, _LEAST, 1 - _LEAST)
    return chance
