"""Who follows, befriends, blocks and mutes whom, and since when."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from kernels.columns import DAY_MS, F32, I32, I64
from training.data.schema import RELATIONS
from training.data.synth.parameters import START_MS, Parameters
from training.data.synth.population import People, names, user_ids

#: "Not yet, and never": later than any time.
NEVER: Final = np.iinfo(np.int64).max
#: People among whom a user picks each author to follow: popular ones, of whom the best match wins.
CHOICES: Final = 6
CLOSE_FRIEND_SHARE: Final = 0.06


@dataclass(frozen=True, slots=True)
class Edges:
    """One relation: sorted keys `user * users + author` and the time since which each holds."""

    users: int
    keys: I64
    since_ms: I64

    @classmethod
    def of(cls, users: int, user: I64, author: I64, since_ms: I64) -> "Edges":
        """Edges between rows; of repeated ones the earliest stays."""
        keys = user.astype(np.int64) * users + author
        order = np.lexsort((since_ms, keys))
        keys, since_ms = keys[order], since_ms[order].astype(np.int64)
        first = np.concatenate(([True], keys[1:] != keys[:-1])) if len(keys) else np.zeros(0, bool)
        return cls(users, keys[first], since_ms[first])

    def since(self, user: I32 | I64, author: I32 | I64) -> I64:
        """For pairs of rows, since when the relation holds; NEVER where it does not. Shapes broadcast."""
        keys = user.astype(np.int64) * self.users + author
        if not len(self.keys):
            return np.full(keys.shape, NEVER)
        at = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        return np.where(self.keys[at] == keys, self.since_ms[at], NEVER)

    def with_new(self, user: I64, author: I64, since_ms: I64) -> "Edges":
        """These edges and later ones; a pair that is already here keeps its time."""
        if not len(user):
            return self
        new = Edges.of(self.users, user, author, since_ms)
        fresh = self.since(new.user, new.author) == NEVER
        at = np.searchsorted(self.keys, new.keys[fresh])
        return Edges(
            self.users, np.insert(self.keys, at, new.keys[fresh]), np.insert(self.since_ms, at, new.since_ms[fresh])
        )

    @property
    def user(self) -> I64:
        return self.keys // self.users

    @property
    def author(self) -> I64:
        return self.keys % self.users


@dataclass(frozen=True, slots=True)
class Graph:
    """All relations by kind, in the order of schema.RELATIONS."""

    follow: Edges
    close_friend: Edges
    block: Edges
    mute: Edges

    def hidden(self, user: I32, author: I32, time_ms: I64) -> NDArray[np.bool_]:
        """Whether each user has blocked or muted each author by a time; shapes broadcast."""
        hidden: NDArray[np.bool_] = (self.block.since(user, author) <= time_ms) | (
            self.mute.since(user, author) <= time_ms
        )
        return hidden


def make_graph(parameters: Parameters, people: People) -> Graph:
    """The graph on the day the log begins (or later, when an account is made later)."""
    rng = parameters.rng("graph")
    n = parameters.users
    creators = np.flatnonzero(people.creator)
    follow = _follows(rng, people, creators)
    close = rng.random(len(follow.keys)) < CLOSE_FRIEND_SHARE
    user, author, since = follow.user, follow.author, follow.since_ms
    return Graph(
        follow=follow,
        close_friend=Edges.of(n, user[close], author[close], since[close]),
        block=_dislikes(rng, people, creators, follow, 0.3),
        mute=_dislikes(rng, people, creators, follow, 0.5),
    )


def follows_table(graph: Graph) -> pa.Table:
    """The `follows` table."""
    edges = [getattr(graph, kind) for kind in RELATIONS]
    kinds = np.repeat(np.arange(len(RELATIONS), dtype=np.int16), [len(e.keys) for e in edges])
    table = pa.table(
        {
            "user_id": user_ids(np.concatenate([e.user for e in edges])),
            "author_id": user_ids(np.concatenate([e.author for e in edges])),
            "time_ms": np.concatenate([e.since_ms for e in edges]),
            "kind": names(RELATIONS, kinds),
        }
    )
    return table.sort_by([(key, "ascending") for key in ("time_ms", "user_id", "author_id")])


def degrees(graph: Graph, users: int) -> tuple[I64, I64]:
    """Followers and following [U] when the log begins."""
    old = graph.follow.since_ms < START_MS
    return (
        np.bincount(graph.follow.author[old], minlength=users),
        np.bincount(graph.follow.user[old], minlength=users),
    )


def _follows(rng: np.random.Generator, people: People, creators: I64) -> Edges:
    """Follow edges with a heavy tail on both sides: in numbers followed, and in followers by audience."""
    n = len(people.taste)
    count = np.clip(rng.lognormal(2.2, 1.0, n), 0, len(creators) // 2).astype(np.int64)
    user = np.repeat(np.arange(n), count)
    author = _draw(rng, people.audience[creators], (len(user), CHOICES), creators)
    best = np.zeros(len(user), np.int64)
    for begin in range(0, len(user), 1 << 16):
        part = slice(begin, begin + (1 << 16))
        match = np.einsum("el,ecl->ec", people.taste[user[part]], people.style[author[part]])
        best[part] = np.argmax(match + rng.gumbel(0, 0.15, match.shape), axis=1)
    author = author[np.arange(len(user)), best]
    return _dated(rng, people, user, author)


def _dislikes(rng: np.random.Generator, people: People, creators: I64, follow: Edges, mean: float) -> Edges:
    """Blocks or mutes of well-known authors whom the user does not follow."""
    n = len(people.taste)
    user = np.repeat(np.arange(n), rng.poisson(mean, n))
    author = _draw(rng, people.audience[creators], (len(user),), creators)
    strangers = follow.since(user, author) == NEVER
    return _dated(rng, people, user[strangers], author[strangers])


def _draw(rng: np.random.Generator, weights: F32, shape: tuple[int, ...], values: I64) -> I64:
    """`values` drawn with probabilities in proportion to `weights`."""
    edges = np.cumsum(weights, dtype=np.float64)
    drawn: I64 = values[np.minimum(np.searchsorted(edges, rng.random(shape) * edges[-1]), len(values) - 1)]
    return drawn


def _dated(rng: np.random.Generator, people: People, user: I64, author: I64) -> Edges:
    """Edges from the last 200 days before the log, but never older than the account of either side."""
    since = START_MS - rng.random(len(user)) * 200 * DAY_MS
    since = np.maximum(since, np.maximum(people.created_ms[user], people.created_ms[author]))
    other = user != author
    return Edges.of(len(people.taste), user[other], author[other], since[other].astype(np.int64))
