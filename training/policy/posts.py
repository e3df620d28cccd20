"""The exploration slot, tried: which of the posts that few have seen yet it shows, by the Beta posterior of each.

Every impression of the log is a moment at which somebody reaches the slot, and it shows a post of the last two days.
Posteriors know what came of earlier batches. What a post is worth on average is known, so the best of a pool is too.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from kernels.arms import F64
from kernels.bandit import BetaRule, beta_chances, choose
from kernels.columns import DAY_MS, I32, I64
from training.data.dataset import DataSet
from training.data.synth.behaviour import Situation, examination, outlook
from training.data.synth.posts import AD
from training.data.synth.world import World
from training.policy.slots import POSITIVES, Visits

#: (good, shown, rng) [P] -> chances [P]
Rule = Callable[[F64, F64, np.random.Generator], F64]

THOMPSON: Final = "Beta-Thompson"
GREEDY: Final = "epsilon-greedy"
RANDOM: Final = "random post"
ORACLE: Final = "oracle"
#: Position of the slot; the first is 0.
SLOT: Final = 15
POOL_DAYS: Final = 2.0
BATCH: Final = 200
RULE: Final = BetaRule(good=3.0, bad=37.0, sharpness=4.0, rounds=200, floor=0.02)
#: People whose mean says what a post is worth.
PANEL: Final = 200
#: Times that each rule is tried: which post it comes upon early is luck.
RUNS: Final = 4


@dataclass(frozen=True, slots=True)
class Explored:
    """What a rule earned in the slot: means of RUNS runs."""

    reward: float  # sum of what happened
    expected: float  # sum of the chances of what was shown
    error: float  # standard error of `expected`, of luck alone
    upper_half: float  # share of the showings that went to the better half of the posts of their moment


def thompson(good: F64, shown: F64, rng: np.random.Generator) -> F64:
    return beta_chances(good, shown, RULE, rng)


def greedy(epsilon: float) -> Rule:
    """The highest posterior mean; a share `epsilon` of the choices at random."""

    def chances(good: F64, shown: F64, _rng: np.random.Generator) -> F64:
        mean = (RULE.good + good) / (RULE.good + RULE.bad + shown)
        best = mean == mean.max()
        shares: F64 = (1 - epsilon) * best / best.sum() + epsilon / len(mean)
        return shares

    return chances


def even(good: F64, _shown: F64, _rng: np.random.Generator) -> F64:
    return np.full(len(good), 1 / len(good))


def try_posts(dataset: DataSet, impressions: int, seed: int, epsilon: float) -> dict[str, Explored]:
    """What each rule makes of the first `impressions` of a synthetic data set's log."""
    world, visits = World.load(dataset.folder), Visits(dataset)
    slot = _Slot(world, visits.user[:impressions], visits.time_ms[:impressions])
    rules: dict[str, Rule] = {THOMPSON: thompson, GREEDY: greedy(epsilon), RANDOM: even}
    tried = {name: _mean([slot.explore(rule, seed + run) for run in range(RUNS)]) for name, rule in rules.items()}
    return tried | {ORACLE: _mean([slot.oracle(seed)])}


class _Run(NamedTuple):
    reward: float
    expected: float
    upper_half: float


def _mean(runs: list[_Run]) -> Explored:
    reward, expected, upper_half = np.mean(runs, axis=0).tolist()
    error = np.std([run.expected for run in runs], ddof=1) / np.sqrt(len(runs)) if len(runs) > 1 else 0.0
    return Explored(reward, expected, float(error), upper_half)


class _Slot:
    """S showings, in time order."""

    def __init__(self, world: World, user: I32, time_ms: I64) -> None:
        self._world, self._user, self._time_ms = world, user, time_ms
        self._worth = self._mean_chances()
        self._organic = world.posts.kind != AD

    def explore(self, rule: Rule, seed: int) -> _Run:
        rng = np.random.default_rng(seed)
        good, shown = np.zeros((2, len(self._worth)))

        def drawn(pool: I64, count: int) -> I64:
            chances = rule(good[pool], shown[pool], rng)
            posts: I64 = pool[choose(np.tile(chances, (count, 1)), rng.random(count))]
            return posts

        return self._run(drawn, good, shown, rng)

    def oracle(self, seed: int) -> _Run:
        """Always the post that is worth most on average."""
        good, shown = np.zeros((2, len(self._worth)))
        return self._run(
            lambda pool, count: np.full(count, pool[self._worth[pool].argmax()]),
            *(good, shown, np.random.default_rng(seed)),
        )

    def _run(self, drawn: Callable[[I64, int], I64], good: F64, shown: F64, rng: np.random.Generator) -> _Run:
        """Show what `drawn` takes from the pool, and count in `good` and `shown`."""
        reward, expected, better = 0.0, 0.0, 0
        for begin in range(0, len(self._user), BATCH):
            rows = np.arange(begin, min(begin + BATCH, len(self._user)))
            pool = self._pool(int(self._time_ms[begin]))
            if not len(pool):
                continue
            post = drawn(pool, len(rows))
            chance = self._chance(rows, post)
            happened = rng.random(len(rows)) < chance
            np.add.at(good, post, happened)
            np.add.at(shown, post, 1.0)
            reward, expected = reward + happened.sum(), expected + chance.sum()
            better += int((self._worth[post] > np.median(self._worth[pool])).sum())
        return _Run(float(reward), float(expected), better / len(self._user))

    def _pool(self, now_ms: int) -> I64:
        created = self._world.posts.created_ms
        begin, end = np.searchsorted(created, [now_ms - int(POOL_DAYS * DAY_MS), now_ms])
        pool: I64 = np.flatnonzero(self._organic[begin:end]) + begin
        return pool

    def _chance(self, rows: I64, post: NDArray[np.integer]) -> F64:
        return _positive(self._world, self._user[rows], post.astype(np.int32), self._time_ms[rows])

    def _mean_chances(self) -> F64:
        """What each post is worth, by the mean of a panel of users: [P]."""
        people = np.random.default_rng(0).choice(self._user, PANEL).astype(np.int32)
        posts = np.arange(len(self._world.posts.author), dtype=np.int32)
        total = np.zeros(len(posts))
        for person in people:
            when = self._world.posts.created_ms
            total += _positive(self._world, np.full(len(posts), person, np.int32), posts, when)
        mean: F64 = total / PANEL
        return mean


def _positive(world: World, user: I32, post: I32, time_ms: I64) -> F64:
    """The chance [n] that a person looks at the slot, and does something positive."""
    follows = world.follow.since(user, world.posts.author[post]) <= time_ms
    look = outlook(world.people, world.posts, Situation(user, post, time_ms, follows), world.parameters.drift)
    some: F64 = 1 - np.prod(1 - look.probability[:, POSITIVES], axis=1)
    return some * examination(np.array([SLOT]))
