"""The correction that recent rows ask for, and how far one may go towards it."""

from dataclasses import dataclass

import numpy as np

from kernels.columns import F32
from training.models.calibration import platt
from training.models.correction import Correction, to_probabilities
from training.online.rows import Rows


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
    effect_prior: float = 5.0


def fit(rows: Rows, heads: tuple[str, ...], bounds: Bounds) -> Correction:
    """The correction by which the rows are calibrated: of each head first, then of each post what is left.

    Effects of posts are one Newton step of a logistic regression with a Gaussian prior: the posterior mode of a random
    intercept (as `lme4` fits, Bates et al. 2015), to first order.
    """
    scale, shift = np.array([platt(rows.logits[:, h], rows.labels[:, h]) for h in range(len(heads))]).T
    chance = to_probabilities(rows.logits * scale + shift).astype(np.float64)
    posts, of = np.unique(rows.post_ids, return_inverse=True)
    surprise, weight = np.zeros((2, len(posts), len(heads)))
    np.add.at(surprise, of, rows.labels - chance)
    np.add.at(weight, of, chance * (1 - chance))
    effect = surprise / (weight + bounds.effect_prior / 4)
    return Correction(heads, _f32(scale), _f32(shift), posts, _f32(effect))


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
