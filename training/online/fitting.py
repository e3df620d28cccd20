"""The correction that recent rows ask for, and how far one may go towards it."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from kernels.columns import F32, I64
from training.models.calibration import platt
from training.models.correction import Correction, to_probabilities
from training.online.rows import Rows

_STEPS: Final = 4


@dataclass(frozen=True, slots=True)
class Bounds:
    """How far a correction may be from none at all, and how far one update may go. All but `scale` are in logits."""

    scale: float = 0.5  # of its logarithm
    shift: float = 1.5
    effect: float = 1.0
    scale_step: float = 0.05
    shift_step: float = 0.15
    effect_step: float = 0.3
    #: Weight of "this post is as the ranker thinks", in positives and negatives of even odds.
    effect_prior: float = 40.0
    #: Rows that the calibration of heads follows from.
    recent: int = 5_000


def fit(rows: Rows, heads: tuple[str, ...], bounds: Bounds) -> Correction:
    """The correction that the rows ask for, later ones last: of each post by all of them, of each head by the last.

    How much is done at all changes faster than what is liked. Effects of posts are the posterior modes of random
    intercepts of a logistic regression (Bates et al., "Fitting linear mixed-effects models using lme4", 2015), by
    Newton's method.
    """
    logits = _calibrated(rows.logits, rows.labels)
    posts, of = np.unique(rows.post_ids, return_inverse=True)
    effect = _intercepts(logits, rows.labels, of, len(posts), bounds.effect_prior)
    effect = np.clip(effect, -bounds.effect, bounds.effect)
    late = slice(max(0, len(rows) - bounds.recent), None)
    scale, shift = _calibration(rows.logits[late], rows.labels[late], effect[of[late]])
    return Correction(heads, scale, shift, posts, effect)


def _intercepts(logits: F32, labels: F32, of: I64, count: int, prior: float) -> F32:
    """What each of `count` groups adds to logits[N, H] of its rows, [count, H]; `of` [N] is the group of a row."""
    values = np.zeros((count, logits.shape[1]))
    for _ in range(_STEPS):
        chance = to_probabilities(_f32(logits + values[of])).astype(np.float64)
        surprise, weight = np.zeros((2, *values.shape))
        np.add.at(surprise, of, labels - chance)
        np.add.at(weight, of, chance * (1 - chance))
        values += (surprise - values * prior / 4) / (weight + prior / 4)
    return _f32(values)


def _calibrated(logits: F32, labels: F32) -> F32:
    scale, shift = _calibration(logits, labels, np.zeros_like(logits))
    return logits * scale + shift


def _calibration(logits: F32, labels: F32, offset: F32) -> tuple[F32, F32]:
    """Scale and shift of each head, [H]; `offset` [N, H] is added to what they make of the logits."""
    fitted = [platt(logits[:, h], labels[:, h], offset[:, h]) for h in range(logits.shape[1])]
    scale, shift = np.array(fitted).T
    return _f32(scale), _f32(shift)


def towards(now: Correction, goal: Correction, bounds: Bounds) -> Correction:
    """One step from `now` to `goal` that keeps the bounds. Effects that have become too small to tell are dropped."""
    ids = np.union1d(now.post_ids, goal.post_ids)
    scale = _step(np.log(now.scale), np.log(np.maximum(goal.scale, 1e-3)), bounds.scale_step, bounds.scale)
    shift = _step(now.shift, goal.shift, bounds.shift_step, bounds.shift)
    effect = _step(now.effects(ids), goal.effects(ids), bounds.effect_step, bounds.effect)
    some = (np.abs(effect) > 1e-3).any(axis=1)
    return Correction(now.heads, np.exp(scale), shift, ids[some], effect[some])


def _step(now: F32, goal: F32, step: float, bound: float) -> F32:
    return _f32(np.clip(now + np.clip(goal - now, -step, step), -bound, bound))


def _f32(values: "np.ndarray[tuple[int, ...], np.dtype[np.floating]]") -> F32:
    return np.asarray(values, np.float32)
