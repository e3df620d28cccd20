"""Bandits over sources, tried: what each earns while it learns, and what logs of one tell of another."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from kernels.arms import F64
from training.data.dataset import DataSet
from training.evaluation.bootstrap import Interval, difference, resample
from training.evaluation.metrics import ByList
from training.policy.estimators import Estimates, off_policy
from training.policy.play import (
    Always,
    Decisions,
    Even,
    Policy,
    best_value,
    epsilon_greedy,
    linucb,
    play,
    thompson,
    value,
)
from training.policy.slots import SOURCES, Slots, slots_of

RANDOM: Final = "random mix"
GREEDY: Final = "epsilon-greedy"
LINUCB: Final = "LinUCB"
THOMPSON: Final = "Thompson"
BEST_SOURCE: Final = "best single source"
ORACLE: Final = "oracle"


@dataclass(frozen=True, slots=True)
class Earned:
    """What a policy earned over all slots, learning on its way. Means are by slot."""

    reward: float  # sum of what happened
    expected: float  # sum of the chances of what was chosen: the same without luck
    mean: Interval
    ahead: Interval | None  # of epsilon-greedy, slot for slot
    mix: dict[str, float]  # share of the slots that each source filled


@dataclass(frozen=True, slots=True)
class Judged:
    """A policy, as it is at the end of its learning, judged by later slots that another one filled."""

    log: str
    target: str
    truth: float
    estimates: Estimates

    @property
    def errors(self) -> dict[str, float]:
        """By which share of the truth each estimate is off."""
        return {name: getattr(self.estimates, name).value / self.truth - 1 for name in ("ips", "snips", "dr")}


@dataclass(frozen=True, slots=True)
class SourcesTried:
    slots: int
    earned: dict[str, Earned]
    judged: list[Judged]


def try_sources(dataset: DataSet, impressions: int, seed: int, epsilon: float) -> SourcesTried:
    """Learn on the first `impressions` of a synthetic data set's log, judge by as many later ones."""
    slots = slots_of(dataset, 2 * impressions, seed)
    early, late = slots.only(slice(0, impressions)), slots.only(slice(impressions, None))
    policies: dict[str, Policy] = {
        LINUCB: linucb(),
        THOMPSON: thompson(),
        GREEDY: epsilon_greedy(epsilon),
        BEST_SOURCE: Always(int(early.chance.mean(axis=0).argmax())),
        RANDOM: Even(),
    }
    played = {name: play(policy, early, seed) for name, policy in policies.items()}
    targets = {name: policies[name].chances(late.x, late.allowed) for name in (LINUCB, THOMPSON, BEST_SOURCE)}
    truths = {name: value(policies[name], late) for name in targets}
    judged = []
    for by in (RANDOM, GREEDY):
        log = play(policies[by], late, seed + 1)
        judged += [Judged(by, name, truths[name], off_policy(log, of)) for name, of in targets.items()]
    return SourcesTried(len(early), _earned(played, early), judged)


def _earned(played: dict[str, Decisions], slots: Slots) -> dict[str, Earned]:
    every, order = np.arange(len(slots)), np.argsort(slots.user, kind="stable")
    rewards = {name: log.reward for name, log in played.items()}
    rewards[ORACLE] = slots.reward[every, slots.chance.argmax(axis=1)]
    users = slots.user[order]
    drawn = resample({name: ByList.mean(reward[order]).grouped(users) for name, reward in rewards.items()})
    earned = {}
    for name, draws in drawn.items():
        arm = played[name].arm if name in played else slots.chance.argmax(axis=1)
        expected = best_value(slots) * len(slots) if name == ORACLE else float(slots.chance[every, arm].sum())
        earned[name] = Earned(
            reward=float(rewards[name].sum()),
            expected=expected,
            mean=Interval.of(draws),
            ahead=None if name == GREEDY else difference(draws, drawn[GREEDY]),
            mix=_mix(arm),
        )
    return earned


def _mix(arm: "np.ndarray[tuple[int], np.dtype[np.int64]]") -> dict[str, float]:
    shares: F64 = np.bincount(arm, minlength=len(SOURCES)) / len(arm)
    return dict(zip(SOURCES, shares.round(4).tolist(), strict=True))
