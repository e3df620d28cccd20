"""Policies that fill slots, what they choose and earn, and the log that this leaves."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

import numpy as np

from kernels.arms import F64, estimate, learn, linear_arms
from kernels.bandit import choose, thompson_chances, ucb_chances
from kernels.columns import I64
from training.policy.slots import CONTEXT, SOURCES, Bools, Slots

#: (mean, width, allowed) [N, A] -> chances [N, A]
Rule = Callable[[F64, F64, Bools], F64]

#: Slots that are filled before what came of them is learned: events take a while.
BATCH: Final = 500
ALPHA: Final = 0.2
SPREAD: Final = 0.1
#: Share of choices that LinUCB and Thompson sampling make at random, and epsilon-greedy's.
FLOOR: Final = 0.02
EPSILON: Final = 0.1


class Policy(Protocol):
    """Chooses sources."""

    def chances(self, x: F64, allowed: Bools, /) -> F64:
        """The chance [N, A] of each source in contexts x[N, D]; 0 where it is not allowed."""

    def learn(self, x: F64, arm: I64, reward: F64, /) -> None:
        """Take in that arm[N] earned reward[N]."""


class Even:
    """A random mix."""

    def chances(self, _x: F64, allowed: Bools) -> F64:
        even: F64 = allowed / np.maximum(1, allowed.sum(axis=1, keepdims=True))
        return even

    def learn(self, _x: F64, _arm: I64, _reward: F64) -> None:
        """It has nothing to learn."""


class Always(Even):
    """One source wherever it has something, else an even mix."""

    def __init__(self, arm: int) -> None:
        self._arm = arm

    def chances(self, _x: F64, allowed: Bools) -> F64:
        mine = np.zeros(allowed.shape)
        mine[:, self._arm] = 1.0
        return np.where(allowed[:, [self._arm]], mine, super().chances(_x, allowed))


class Linear:
    """A rule over what arms earn by context."""

    def __init__(self, rule: Rule, arms: int = len(SOURCES), dims: int = len(CONTEXT)) -> None:
        self._rule = rule
        self._arms = linear_arms(arms, dims)

    def chances(self, x: F64, allowed: Bools) -> F64:
        return self._rule(*estimate(self._arms, x), allowed)

    def learn(self, x: F64, arm: I64, reward: F64) -> None:
        learn(self._arms, arm, x, reward)


def linucb(alpha: float = ALPHA, floor: float = FLOOR, arms: int = len(SOURCES), dims: int = len(CONTEXT)) -> Linear:
    return Linear(partial(_ucb, alpha=alpha, floor=floor), arms, dims)


def epsilon_greedy(epsilon: float = EPSILON) -> Linear:
    return Linear(partial(_ucb, alpha=0.0, floor=epsilon))


def thompson(
    spread: float = SPREAD, floor: float = FLOOR, arms: int = len(SOURCES), dims: int = len(CONTEXT)
) -> Linear:
    return Linear(partial(_thompson, spread=spread, floor=floor), arms, dims)


def _ucb(mean: F64, width: F64, allowed: Bools, alpha: float, floor: float) -> F64:
    return ucb_chances(mean, width, allowed, alpha, floor)


def _thompson(mean: F64, width: F64, allowed: Bools, spread: float, floor: float) -> F64:
    return thompson_chances(mean, width, allowed, spread, floor)


@dataclass(frozen=True, slots=True)
class Decisions:
    """What is logged of N filled slots, and all that estimates may use."""

    user: I64  # [N]
    x: F64  # [N, D]
    allowed: Bools  # [N, A]
    arm: I64  # [N]
    propensity: F64  # [N] the chance with which `arm` was chosen
    reward: F64  # [N]

    def part(self, at: slice) -> "Decisions":
        """The decisions of a slice."""
        return Decisions(*(getattr(self, name)[at] for name in self.__slots__))


def play(policy: Policy, slots: Slots, seed: int, batch: int = BATCH) -> Decisions:
    """Let a policy fill slots in batches, learning after each."""
    uniform = np.random.default_rng(seed).random(len(slots))
    arms, propensities = [], []
    for begin in range(0, len(slots), batch):
        part = slots.only(slice(begin, begin + batch))
        every = np.arange(len(part))
        chances = policy.chances(part.x, part.allowed)
        arm = choose(chances, uniform[begin : begin + batch])
        policy.learn(part.x, arm, part.reward[every, arm])
        arms.append(arm)
        propensities.append(chances[every, arm])
    arm, every = np.concatenate(arms), np.arange(len(slots))
    return Decisions(slots.user, slots.x, slots.allowed, arm, np.concatenate(propensities), slots.reward[every, arm])


def value(policy: Policy, slots: Slots) -> float:
    """The mean reward that a policy, as it is now, is to expect over slots: the truth."""
    return float((policy.chances(slots.x, slots.allowed) * slots.chance).sum(axis=1).mean())


def best_value(slots: Slots) -> float:
    """What one would earn who knew every chance."""
    return float(slots.chance.max(axis=1).mean())
