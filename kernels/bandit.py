"""How a bandit chooses: rules that turn what is known of arms into the chance of each, from which the choice is drawn.

As the choice is drawn from these very chances, they are its propensities, exactly. A share `floor` of the choices is
spread evenly over what is allowed, so that no propensity is 0. Letters in shapes: N rows, A arms, P posts.
"""

import math
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from kernels.arms import F64
from kernels.columns import I64
from kernels.jit import kernel

Bools = NDArray[np.bool_]

#: Standard deviations around each arm's mean at which the integral of `thompson_chances` is told apart.
_STEPS: Final = np.linspace(-5.0, 5.0, 21)


@kernel
def ucb_chances(mean: F64, width: F64, allowed: Bools, alpha: float, floor: float) -> F64:
    """LinUCB: the arm of the highest mean + alpha width; chances [N, A] from mean, width and allowed [N, A].

    Equally good arms share. With alpha 0 this is epsilon-greedy, epsilon being `floor`. Where nothing is allowed all
    chances are 0. (Li, Chu, Langford and Schapire, "A contextual-bandit approach to personalized news article
    recommendation", WWW 2010.)
    """
    count, arms = mean.shape
    chances = np.zeros((count, arms))
    for n in range(count):
        best, ties = -np.inf, 0
        for a in range(arms):
            if allowed[n, a]:
                bound = mean[n, a] + alpha * width[n, a]
                if bound > best:
                    best, ties = bound, 0
                ties += bound == best
        for a in range(arms):
            if allowed[n, a] and mean[n, a] + alpha * width[n, a] == best:
                chances[n, a] = 1.0 / ties
    _mix_floor(chances, allowed, floor)
    return chances


def ucb_chances_numpy(mean: F64, width: F64, allowed: Bools, alpha: float, floor: float) -> F64:
    """The NumPy twin of `ucb_chances`."""
    bound = np.where(allowed, mean + alpha * width, -np.inf)
    best = allowed & (bound == bound.max(axis=1, keepdims=True))
    return _mixed(_shares(best), allowed, floor)


@kernel
def thompson_chances(mean: F64, width: F64, allowed: Bools, spread: float, floor: float) -> F64:
    """Thompson sampling: the chance [N, A] that an arm is best if rewards are Normal(mean, (spread width)^2).

    The chance of arm a is the integral of the product of the other arms' distribution functions over a's
    distribution, here by the trapezoid rule on points around every arm's mean, within .01 of it; no draws are needed.
    (Thompson, "On the likelihood that one unknown probability exceeds another", Biometrika 1933; Agrawal and Goyal,
    "Thompson sampling for contextual bandits with linear payoffs", ICML 2013.)
    """
    count, arms = mean.shape
    chances = np.zeros((count, arms))
    for n in range(count):
        mine = np.flatnonzero(allowed[n])
        points = np.empty(len(mine) * len(_STEPS))
        for i in range(len(mine)):
            scale = _scale(spread * width[n, mine[i]])
            points[i * len(_STEPS) : (i + 1) * len(_STEPS)] = mean[n, mine[i]] + scale * _STEPS
        points.sort()
        before, now = np.zeros(len(mine)), np.zeros(len(mine))
        for point in points:
            for i in range(len(mine)):
                z = (point - mean[n, mine[i]]) / _scale(spread * width[n, mine[i]])
                before[i], now[i] = now[i], 0.5 * math.erfc(-z / math.sqrt(2.0))
            for i in range(len(mine)):
                low, high = 1.0, 1.0
                for j in range(len(mine)):
                    if j != i:
                        low *= before[j]
                        high *= now[j]
                chances[n, mine[i]] += (now[i] - before[i]) * (low + high) / 2
        chances[n] /= max(chances[n].sum(), 1e-300)
    _mix_floor(chances, allowed, floor)
    return chances


def thompson_chances_numpy(mean: F64, width: F64, allowed: Bools, spread: float, floor: float) -> F64:
    """The NumPy twin of `thompson_chances`; equal but for rounding."""
    chances = np.zeros(mean.shape)
    for n in range(len(mean)):
        mine = np.flatnonzero(allowed[n])
        at, scale = mean[n, mine], np.maximum(spread * width[n, mine], 1e-9)
        points = np.sort((at[:, None] + scale[:, None] * _STEPS).ravel())
        below = np.vstack([np.zeros(len(mine)), ndtr((points[:, None] - at) / scale)])
        for i in range(len(mine)):
            others = np.delete(below, i, axis=1).prod(axis=1)
            chances[n, mine[i]] = np.trapezoid(others, below[:, i])
    return _mixed(chances / np.maximum(chances.sum(axis=1, keepdims=True), 1e-300), allowed, floor)


@kernel
def _scale(width: float) -> float:
    """A standard deviation by which one can divide."""
    return max(width, 1e-9)


@kernel
def _mix_floor(chances: F64, allowed: Bools, floor: float) -> None:
    """Spread a share `floor` evenly over what is allowed, in place."""
    for n in range(len(chances)):
        share = floor / max(1, allowed[n].sum())
        for a in range(chances.shape[1]):
            chances[n, a] *= 1.0 - floor
            if allowed[n, a]:
                chances[n, a] += share


def _shares(chosen: Bools) -> F64:
    shares: F64 = chosen / np.maximum(1, chosen.sum(axis=1, keepdims=True))
    return shares


def _mixed(chances: F64, allowed: Bools, floor: float) -> F64:
    return chances * (1.0 - floor) + floor * _shares(allowed)


@kernel
def choose(chances: F64, uniform: F64) -> I64:
    """An arm [N] drawn from chances [N, A] with uniform[N] in [0, 1); -1 where all chances are 0."""
    chosen = np.full(len(chances), -1)
    for n in range(len(chances)):
        total = 0.0
        for a in range(chances.shape[1]):
            total += chances[n, a]
        left = uniform[n] * total
        for a in range(chances.shape[1]):
            if chances[n, a] > 0:
                chosen[n] = a  # the last one possible, should rounding leave more than there is
                left -= chances[n, a]
                if left < 0:
                    break
    return chosen


def choose_numpy(chances: F64, uniform: F64) -> I64:
    """The NumPy twin of `choose`; equal but where a draw falls upon a border."""
    steps = np.cumsum(chances, axis=1)
    drawn = (uniform[:, None] * steps[:, -1:] >= steps).sum(axis=1)
    last = chances.shape[1] - 1 - np.argmax(chances[:, ::-1] > 0, axis=1)
    return np.where(steps[:, -1] > 0, np.minimum(drawn, last), -1)


class BetaRule(NamedTuple):
    """How posts are sampled by what came of them."""

    good: float  # successes and failures that every post begins with, > 0
    bad: float
    sharpness: float  # what counts are multiplied by, > 0: more than 1 explores less than the posterior would
    rounds: int  # draws of each post
    floor: float


@kernel
def beta_chances(good: F64, shown: F64, rule: BetaRule, rng: np.random.Generator) -> F64:
    """Thompson sampling of posts: the share [P] of rounds in which a draw of a post's Beta posterior is the highest.

    By Monte Carlo: a chance p is found within sqrt(p (1 - p) / rounds). As the choice is drawn from the shares, they
    are its propensities all the same. (Chapelle and Li, "An empirical evaluation of Thompson sampling", NIPS 2011.)

    Args:
        good, shown: [P] how often a post was a success, and how often it was shown.
        prior: successes and failures that every post begins with.
    """
    posts = len(good)
    wins = np.zeros(posts)
    for _ in range(rule.rounds):
        best, winner = -1.0, 0
        for p in range(posts):
            bad = max(0.0, shown[p] - good[p])
            draw = rng.beta(rule.sharpness * (rule.good + good[p]), rule.sharpness * (rule.bad + bad))
            if draw > best:
                best, winner = draw, p
        if posts:
            wins[winner] += 1.0
    return wins * ((1.0 - rule.floor) / max(1, rule.rounds)) + rule.floor / max(1, posts)


def beta_chances_numpy(good: F64, shown: F64, rule: BetaRule, rng: np.random.Generator) -> F64:
    """The NumPy twin of `beta_chances`."""
    bad, posts = np.maximum(0.0, shown - good), len(good)
    draws = rng.beta(rule.sharpness * (rule.good + good), rule.sharpness * (rule.bad + bad), (rule.rounds, posts))
    wins = np.bincount(draws.argmax(axis=1) if posts else [], minlength=posts).astype(np.float64)
    return wins * ((1.0 - rule.floor) / max(1, rule.rounds)) + rule.floor / max(1, posts)
