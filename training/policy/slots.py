"""Slots of feeds that any source might fill: the world in which bandits over sources are tried.

A slot is an impression of the log: somebody at some moment at some position. Each source would bring its candidates
for it, and the one that a noisy ranker likes best would be shown. What comes of it is known of every source, so a
policy's value is a sum, without any draws: expected reward under known chances. Slots do not change one another.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cluster.errors import CascadeError
from kernels.actions import ACTIONS, BIT, POSITIVE
from kernels.arms import F64
from kernels.columns import DAY_MS, F32, I32, I64
from training.data.dataset import DataSet
from training.data.synth.behaviour import Situation, examination, outlook
from training.data.synth.parameters import START_MS
from training.data.synth.policy import EMPTY, Memory, Shelf
from training.data.synth.population import FIRST_USER, taste_at, unit
from training.data.synth.posts import AD, FIRST_POST
from training.data.synth.sessions import SURFACES
from training.data.synth.world import World

Bools = NDArray[np.bool_]

#: The arms.
SOURCES: Final = ("popular", "topical", "following", "fresh", "random")
#: What is known of a slot before it is filled; the last is the position.
CONTEXT: Final = ("one", "explore", "follows", "follows nobody", "history", "newcomer", "position")
#: Candidates of `fresh`, drawn among those published in so many days.
FRESH: Final = 14
FRESH_DAYS: Final = 1.0
#: What is known of a taste is off by so many times its length at first, and by half of it after so many impressions.
BLUR: Final = 4.0
KNOWN_AFTER: Final = 30
NEWCOMER: Final = 10
CHUNK: Final = 8_192
POSITIVES: Final = np.array([bool(BIT[action] & POSITIVE) for action in ACTIONS])


@dataclass(frozen=True, slots=True)
class Slots:
    """N slots in time order, D numbers of context, A sources."""

    user: I64  # [N] user rows
    x: F64  # [N, D]
    allowed: Bools  # [N, A] whether a source has anything for it
    chance: F64  # [N, A] that a person does something positive with what the source would show; 0 where not allowed
    reward: F64  # [N, A] whether the person did: drawn once, so that all policies meet the same luck

    def __len__(self) -> int:
        return len(self.user)

    def only(self, at: Bools | slice) -> "Slots":
        """The slots of a mask [N], or of a slice."""
        return Slots(self.user[at], self.x[at], self.allowed[at], self.chance[at], self.reward[at])


class Visits:
    """The impressions of a log: V of them in time order, rows of users and posts."""

    def __init__(self, dataset: DataSet) -> None:
        names = ["user_id", "post_id", "time_ms", "position", "surface", *np.array(ACTIONS)[POSITIVES].tolist()]
        table = dataset.read("impressions", names)
        self.user: I32 = (table["user_id"].to_numpy() - FIRST_USER).astype(np.int32)
        self.post: I32 = (table["post_id"].to_numpy() - FIRST_POST).astype(np.int32)
        self.time_ms: I64 = table["time_ms"].to_numpy()
        self.position: I64 = table["position"].to_numpy().astype(np.int64)
        self.explore: Bools = np.array(table["surface"].to_pylist()) == SURFACES[1]
        self.positives: I64 = sum(
            (table[name].to_numpy(zero_copy_only=False).astype(np.int64) for name in names[5:]),
            np.zeros(len(table), np.int64),
        )
        self.before: I64 = _earlier(self.user)

    def days(self) -> Iterator[tuple[int, slice]]:
        """Number and rows of every day."""
        day = (self.time_ms - START_MS) // DAY_MS
        for number in range(int(day.max(initial=-1)) + 1):
            begin, end = np.searchsorted(day, [number, number + 1])
            yield number, slice(int(begin), int(end))


def slots_of(dataset: DataSet, count: int, seed: int) -> Slots:
    """The first `count` slots of a synthetic data set's log. Raises CascadeError when it has fewer, or no truth."""
    world, visits = World.load(dataset.folder), Visits(dataset)
    if len(visits.user) < count:
        raise CascadeError(
            f"{count} impressions are wanted, and {dataset.folder} has {len(visits.user)}",
            "make a larger world with `cascade data synth`, or ask for fewer with --impressions",
        )
    builder = _Builder(world, visits, np.random.default_rng(seed))
    memory = Memory.of(world.parameters, world.posts)
    parts: list[Slots] = []
    for day, rows in visits.days():
        if rows.start >= count:
            break
        shelf = Shelf(world.people, world.posts, memory.popularity, day)
        wanted = np.arange(rows.start, min(rows.stop, count))
        parts += [builder.fill(shelf, memory, wanted[i : i + CHUNK]) for i in range(0, len(wanted), CHUNK)]
        memory.show(visits.user[rows], visits.post[rows])
        memory.end_day(visits.post[rows], visits.positives[rows])
    parts = [part.only(np.any(part.allowed, axis=1)) for part in parts]
    columns = [[getattr(part, name) for part in parts] for name in ("user", "x", "allowed", "chance", "reward")]
    return Slots(*(np.concatenate(column) for column in columns))


class _Builder:
    """What the sources would do with visits, and what would come of it."""

    def __init__(self, world: World, visits: Visits, rng: np.random.Generator) -> None:
        self._world, self._visits, self._rng = world, visits, rng
        taste = world.people.taste
        self._blur = BLUR * unit(rng.standard_normal(taste.shape))
        self._follows = world.follow

    def fill(self, shelf: Shelf, memory: Memory, rows: I64) -> Slots:
        visits, rng = self._visits, self._rng
        user, time_ms = visits.user[rows], visits.time_ms[rows]
        taste = self._taste(rows)
        following = shelf.followed(rng, self._follows, user, time_ms)
        following[visits.explore[rows]] = EMPTY  # Explore shows what is new to a person
        brought = (
            shelf.popular(rng, len(rows)),
            shelf.topical(rng, taste),
            following,
            self._fresh(time_ms),
            shelf.random(rng, len(rows)),
        )
        best = np.stack([self._best(memory, user, time_ms, taste, posts) for posts in brought], axis=1)
        chance = np.stack([self._chance(rows, best[:, a]) for a in range(len(SOURCES))], axis=1)
        reward = (rng.random(chance.shape) < chance).astype(np.float64)
        return Slots(user.astype(np.int64), self._context(rows), best != EMPTY, chance, reward)

    def _taste(self, rows: I64) -> F32:
        """What a system knows of tastes: the more somebody has seen, the nearer the truth."""
        user = self._visits.user[rows]
        known = taste_at(self._world.people, user, self._visits.time_ms[rows], self._world.parameters.drift)
        left = 1 / (1 + self._visits.before[rows] / KNOWN_AFTER)
        return unit(known + left[:, None] * self._blur[user])

    def _fresh(self, time_ms: I64) -> I32:
        """Posts [n, FRESH] of the last FRESH_DAYS, at random."""
        created = self._world.posts.created_ms
        first = np.searchsorted(created, time_ms - int(FRESH_DAYS * DAY_MS))[:, None]
        end = np.searchsorted(created, time_ms, side="right")[:, None]
        drawn = first + (self._rng.random((len(time_ms), FRESH)) * (end - first)).astype(np.int64)
        return np.where(end > first, drawn, EMPTY).astype(np.int32)

    def _best(self, memory: Memory, user: I32, time_ms: I64, taste: F32, posts: I32) -> I32:
        """Of candidates posts [n, C] the one [n] that a noisy ranker likes best; EMPTY where none may be shown."""
        table = self._world.posts
        may = (
            (posts != EMPTY)
            & (table.created_ms[posts] <= time_ms[:, None])
            & (table.author[posts] != user[:, None])
            & (table.kind[posts] != AD)
            & ~memory.has_seen(user[:, None], np.maximum(posts, 0))
        )
        match = np.einsum("nl,ncl->nc", taste, table.content[posts])
        score = 3.0 * match + 0.35 * np.log1p(memory.popularity[posts]) + self._rng.gumbel(0, 0.8, match.shape)
        best = np.argmax(np.where(may, score, -np.inf), axis=1)
        every = np.arange(len(posts))
        return np.where(may[every, best], posts[every, best], EMPTY).astype(np.int32)

    def _chance(self, rows: I64, post: I32) -> F64:
        """That a person looks at `post` [n], and does something positive."""
        world, visits = self._world, self._visits
        user, time_ms, shown = visits.user[rows], visits.time_ms[rows], np.maximum(post, 0)
        follows = self._follows.since(user, world.posts.author[shown]) <= time_ms
        look = outlook(world.people, world.posts, Situation(user, shown, time_ms, follows), world.parameters.drift)
        some = 1 - np.prod(1 - look.probability[:, POSITIVES], axis=1)
        return np.where(post == EMPTY, 0.0, examination(visits.position[rows]) * some)

    def _context(self, rows: I64) -> F64:
        """[n, len(CONTEXT)], each about 0 to 1."""
        visits, follow = self._visits, self._follows
        user = visits.user[rows].astype(np.int64)
        first, last = (np.searchsorted(follow.keys, (user + step) * follow.users) for step in (0, 1))
        follows, before = (last - first).astype(np.float64), visits.before[rows].astype(np.float64)
        columns = (
            np.ones(len(rows)),
            visits.explore[rows],
            np.log1p(follows) / 5,
            follows == 0,
            np.log1p(before) / 6,
            before < NEWCOMER,
            np.log1p(visits.position[rows]) / 3.5,
        )
        return np.stack([column.astype(np.float64) for column in columns], axis=1)


def _earlier(user: I32) -> I64:
    """How many of each user's rows come before each row."""
    order = np.argsort(user, kind="stable")
    nth = np.empty(len(user), np.int64)
    _, counts = np.unique(user, return_counts=True)
    nth[order] = np.arange(len(user)) - np.repeat(np.cumsum(counts) - counts, counts)
    return nth
