"""The logging policy: an honest, imperfect feed that decides what the synthetic people get to see.

Candidates come from what is popular, from authors the person follows, from topics the person likes, and at random.
They are ordered by a noisy estimate of what fits. It never shows what the person has seen, an author whom the
person blocked or muted, the person's own posts, or two posts of an author in one session.
"""

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from kernels.columns import DAY_MS, F32, I16, I32, I64
from training.data.synth.graph import Edges, Graph
from training.data.synth.parameters import START_MS, Parameters
from training.data.synth.population import TOPICS, People, taste_at
from training.data.synth.posts import AD, Posts
from training.data.synth.sessions import MAX_SLOTS, SURFACES, Sessions

Bools = NDArray[np.bool_]

#: Candidates of a session, by source.
POPULAR: Final = 24
FOLLOWED: Final = 14
TOPICAL: Final = 20
RANDOM: Final = 10
#: Latest posts of a followed author that are considered.
RECENT: Final = 5
#: Slots that hold an ad, when there is one.
AD_SLOTS: Final = (4, 14, 24)
#: Engagement counters lose so much of their value a day.
DAILY_DECAY: Final = 0.85
FRESH_DAYS: Final = 7.0
#: How sharply people's interest falls from the topic they like best to the next.
TOPIC_TEMPERATURE: Final = 0.2
EXPLORE: Final = SURFACES.index("explore")
#: No post.
EMPTY: Final = -1


@dataclass(slots=True)
class Memory:
    """What the policy remembers: how posts do, and who has seen what."""

    popularity: F32  # [P] decayed positive actions
    seen: NDArray[np.uint8]  # [U, P / 8]; bit p % 8 of byte p // 8: the user has been shown post p

    @classmethod
    def of(cls, parameters: Parameters, posts: Posts) -> "Memory":
        """Posts from before the log have some popularity; nobody has seen anything."""
        luck = parameters.rng("popularity").normal(0, 1, len(posts.author))
        past = np.where(posts.created_ms < START_MS, 3 * np.exp(posts.quality + luck), 0)
        return cls(past.astype(np.float32), np.zeros((parameters.users, (parameters.posts + 7) // 8), np.uint8))

    def has_seen(self, user: I32, post: I32) -> Bools:
        bits: Bools = (self.seen[user, post >> 3] >> (post & 7).astype(np.uint8)) & 1 == 1
        return bits

    def show(self, user: I32, post: I32) -> None:
        np.bitwise_or.at(self.seen, (user, post >> 3), np.left_shift(np.uint8(1), (post & 7).astype(np.uint8)))

    def end_day(self, post: I32, positives: I64) -> None:
        """Count `positives` actions on each post shown during the day."""
        self.popularity *= np.float32(DAILY_DECAY)
        self.popularity += np.bincount(post, positives, minlength=len(self.popularity)).astype(np.float32)


class Shelf:
    """Where a day's candidates are drawn from: posts published until its end, weighted by fresh popularity."""

    def __init__(self, people: People, posts: Posts, popularity: F32, day: int) -> None:
        end_ms = START_MS + (day + 1) * DAY_MS
        published = np.arange(np.searchsorted(posts.created_ms, end_ms))
        ad = posts.kind[published] == AD
        self._people, self._posts = people, posts
        self._organic, self._ads = published[~ad].astype(np.int32), published[ad].astype(np.int32)
        age_days = (end_ms - posts.created_ms[self._organic]) / DAY_MS
        weight = (1 + popularity[self._organic].astype(np.float64)) ** 0.75 * np.exp(-age_days / FRESH_DAYS)
        self._popular = np.cumsum(weight)
        self._by_topic = np.argsort(posts.topic[self._organic], kind="stable")
        self._topical = np.cumsum(weight[self._by_topic])
        ends = np.searchsorted(posts.topic[self._organic][self._by_topic], np.arange(len(TOPICS) + 1))
        self._topic_edges = np.concatenate(([0.0], self._topical))[ends]
        self._bids = np.cumsum(posts.bid[self._ads], dtype=np.float64)
        order = np.argsort(posts.author, kind="stable")
        self._by_author = order.astype(np.int32)
        self._author_keys = posts.author[order].astype(np.int64) * len(posts.author) + order

    def popular(self, rng: np.random.Generator, n: int) -> I32:
        """Posts [n, POPULAR] by fresh popularity."""
        return self._pick(_draw(rng.random((n, POPULAR)), self._popular))

    def random(self, rng: np.random.Generator, n: int) -> I32:
        """Posts [n, RANDOM], each as likely."""
        return self._pick(rng.integers(0, len(self._organic), (n, RANDOM)))

    def topical(self, rng: np.random.Generator, taste: F32) -> I32:
        """Posts [n, TOPICAL] by fresh popularity within topics that n tastes like."""
        liking = np.exp(taste @ self._people.topics.T / TOPIC_TEMPERATURE)
        steps = np.cumsum(liking, axis=1) / np.sum(liking, axis=1, keepdims=True)
        draw = rng.random((len(taste), TOPICAL), np.float32)
        topic = np.minimum(np.sum(draw[:, :, None] > steps[:, None, :], axis=2), len(TOPICS) - 1)
        low, high = self._topic_edges[topic], self._topic_edges[topic + 1]
        at = np.searchsorted(self._topical, low + rng.random(topic.shape) * (high - low), side="right")
        return self._pick(self._by_topic[np.minimum(at, len(self._by_topic) - 1)])

    def followed(self, rng: np.random.Generator, follow: Edges, user: I32, begin_ms: I64) -> I32:
        """Posts [n, FOLLOWED] among the latest of authors whom n users follow; EMPTY where there is none."""
        shape = (len(user), FOLLOWED)
        first = np.searchsorted(follow.keys, user.astype(np.int64) * follow.users)[:, None]
        last = np.searchsorted(follow.keys, (user.astype(np.int64) + 1) * follow.users)[:, None]
        edge = first + (rng.random(shape) * (last - first)).astype(np.int64)
        author = follow.keys[np.minimum(edge, len(follow.keys) - 1)] % follow.users
        newest = np.searchsorted(self._posts.created_ms, begin_ms)[:, None]
        begin = np.searchsorted(self._author_keys, author * len(self._posts.author))
        end = np.searchsorted(self._author_keys, author * len(self._posts.author) + newest)
        recent = np.minimum(end - begin, RECENT)
        at = end - 1 - (rng.random(shape) * recent).astype(np.int64)
        return np.where((last > first) & (recent > 0), self._by_author[np.maximum(at, 0)], EMPTY)

    def ads(self, rng: np.random.Generator, n: int) -> I32:
        """Ads [n, len(AD_SLOTS)] by bid; EMPTY when there is none yet."""
        draw = rng.random((n, len(AD_SLOTS)))
        return self._ads[_draw(draw, self._bids)] if len(self._ads) else np.full(draw.shape, EMPTY, np.int32)

    def _pick(self, at: I64) -> I32:
        posts: I32 = self._organic[at]
        return posts


class Policy(NamedTuple):
    people: People
    posts: Posts
    drift: float

    def fill(self, rng: np.random.Generator, shelf: Shelf, memory: Memory, graph: Graph, sessions: Sessions) -> I32:
        """Post rows int32 [S, MAX_SLOTS] to show in S sessions, best first, EMPTY after the last."""
        n = len(sessions.user)
        taste = taste_at(self.people, sessions.user, sessions.begin_ms, self.drift)
        followed = shelf.followed(rng, graph.follow, sessions.user, sessions.begin_ms)
        # Explore shows what is new to the person.
        followed[sessions.surface == EXPLORE] = EMPTY
        organic = np.concatenate(
            [shelf.popular(rng, n), shelf.topical(rng, taste), followed, shelf.random(rng, n)], axis=1
        )
        ads = shelf.ads(rng, n)
        ads = np.where(self._allowed(memory, graph, sessions, ads), ads, EMPTY)
        allowed = self._allowed(memory, graph, sessions, organic) & (self.posts.kind[organic] != AD)
        match = np.einsum("sl,scl->sc", taste, self.posts.content[organic])
        score = 3.0 * match + 0.35 * np.log1p(memory.popularity[organic]) + rng.gumbel(0, 0.8, match.shape)
        order = np.argsort(np.where(allowed, -score, np.inf), axis=1, kind="stable")
        ranked = np.take_along_axis(np.where(allowed, organic, EMPTY), order, axis=1)
        both = self._one_per_author(np.concatenate([ads, ranked], axis=1))
        return _arrange(both[:, : len(AD_SLOTS)], both[:, len(AD_SLOTS) :], sessions.slots)

    def _allowed(self, memory: Memory, graph: Graph, sessions: Sessions, post: I32) -> Bools:
        user, begin_ms = sessions.user[:, None], sessions.begin_ms[:, None]
        author = self.posts.author[post]
        allowed: Bools = (
            (post != EMPTY)
            & (self.posts.created_ms[post] <= begin_ms)
            & (author != user)
            & ~memory.has_seen(user, np.maximum(post, 0))
            & ~graph.hidden(user, author, begin_ms)
        )
        return allowed

    def _one_per_author(self, post: I32) -> I32:
        """`post` with EMPTY for every post whose author is in an earlier column of its row."""
        author = np.where(post == EMPTY, -1, self.posts.author[post])
        order = np.argsort(author, axis=1, kind="stable")
        by_author = np.take_along_axis(author, order, axis=1)
        repeat = np.zeros(post.shape, bool)
        np.put_along_axis(repeat, order[:, 1:], by_author[:, 1:] == by_author[:, :-1], axis=1)
        return np.where(repeat, EMPTY, post)


def _arrange(ads: I32, organic: I32, slots: I16) -> I32:
    """Organic posts without gaps, an ad at each ad slot that they reach, at most `slots` together."""
    order = np.argsort(organic == EMPTY, axis=1, kind="stable")
    feed = np.take_along_axis(organic, order, axis=1)[:, :MAX_SLOTS]
    for column, slot in enumerate(AD_SLOTS):
        insert = (ads[:, column] != EMPTY) & (feed[:, slot - 1] != EMPTY)
        feed[insert, slot + 1 :] = feed[insert, slot:-1]
        feed[insert, slot] = ads[insert, column]
    feed[np.arange(MAX_SLOTS) >= slots[:, None]] = EMPTY
    return feed


def _draw(random: NDArray[np.float64], edges: NDArray[np.float64]) -> I64:
    """Indices drawn with cumulated weights `edges`, one per number of `random` in [0, 1)."""
    drawn: I64 = np.minimum(np.searchsorted(edges, random * edges[-1], side="right"), len(edges) - 1)
    return drawn
