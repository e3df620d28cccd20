"""What a policy would have earned, from what another one did and with which chances: off-policy estimates.

The reward of each decision is weighted by w = chance with the target policy / propensity in the log.

    IPS     mean of w r: unbiased (Horvitz and Thompson, JASA 1952; Li, Chu, Langford and Wang, "Unbiased offline
            evaluation of contextual-bandit-based news article recommendation algorithms", WSDM 2011)
    SNIPS   sum of w r / sum of w: a little biased, and far less noisy where weights are uneven (Swaminathan and
            Joachims, "The self-normalized estimator for counterfactual learning", NIPS 2015)
    DR      mean of v(x) + w (r - q(x, a)), where q is a model of the reward and v its mean under the target policy:
            unbiased whatever the model, and the surer the better it is (Dudik, Langford and Li, "Doubly robust policy
            evaluation and learning", ICML 2011)

Intervals are normal ones of each estimate's influence function, summed by user: rows of a user are not independent.
"""

from typing import Final, NamedTuple

import numpy as np

from cluster.errors import CascadeError
from kernels.arms import F64, estimate, learn, linear_arms
from kernels.columns import I64
from training.evaluation.bootstrap import LEVEL, Interval
from training.policy.play import Decisions

#: Standard errors that hold LEVEL of the estimates.
_SIGMAS: Final = 1.96
assert LEVEL == 0.95
#: Parts of the users; rewards of one are predicted by a model of the others.
FOLDS: Final = 2


class Estimates(NamedTuple):
    """A target policy's mean reward, estimated."""

    ips: Interval
    snips: Interval
    dr: Interval
    effective: float  # decisions that the weights leave, (sum w)^2 / sum w^2


def off_policy(log: Decisions, target: F64) -> Estimates:
    """The mean reward of the policy whose chances for the logged decisions are `target` [N, A].

    Raises CascadeError when a decision has no propensity: then nothing can be said.
    """
    if not len(log.arm) or not (log.propensity > 0).all():
        raise CascadeError(
            "a policy cannot be judged by decisions whose chance was 0 or is not known", "log every propensity"
        )
    every = np.arange(len(log.arm))
    weight = target[every, log.arm] / log.propensity
    expected = cross_fitted(log)
    modelled = (target * expected).sum(axis=1)
    surprise = log.reward - expected[every, log.arm]
    return Estimates(
        ips=ips(weight, log.reward, log.user),
        snips=snips(weight, log.reward, log.user),
        dr=_interval(modelled + weight * surprise, log.user),
        effective=float(weight.sum() ** 2 / np.maximum(1e-300, (weight**2).sum())),
    )


def ips(weight: F64, reward: F64, user: I64) -> Interval:
    return _interval(weight * reward, user)


def snips(weight: F64, reward: F64, user: I64) -> Interval:
    total = weight.mean()
    if total == 0:
        return Interval(float("nan"), float("nan"), float("nan"))
    value = (weight * reward).mean() / total
    return _interval(value + weight * (reward - value) / total, user)


def cross_fitted(log: Decisions) -> F64:
    """The reward [N, A] of every arm, by a ridge regression on decisions of other users than the row's.

    A model that has seen a row's own reward would take its luck for knowledge (Chernozhukov et al., "Double/debiased
    machine learning", The Econometrics Journal 2018).
    """
    arms, fold = log.allowed.shape[1], log.user % FOLDS
    expected = np.zeros(log.allowed.shape)
    for part in range(FOLDS):
        others, model = fold != part, linear_arms(arms, log.x.shape[1])
        learn(model, log.arm[others], log.x[others], log.reward[others])
        expected[~others] = estimate(model, log.x[~others])[0]
    return expected


def _interval(terms: F64, user: I64) -> Interval:
    """The mean of terms[N], with an interval that holds however alike the rows of a user are."""
    value = terms.mean()
    _, group = np.unique(user, return_inverse=True)
    error = np.sqrt((np.bincount(group, terms - value) ** 2).sum()) / len(terms)
    return Interval(float(value), float(value - _SIGMAS * error), float(value + _SIGMAS * error))
