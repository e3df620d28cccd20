"""The state of users and posts at any moment of a log: what happened before it, folded in order.

The kernels are those of the live consumers, so a log that went through the event stream gives the same state.
"""

from typing import Final

import numpy as np

from cluster.post_table import rows_of
from kernels.actions import ACTIONS, COUNTS
from kernels.assembly import WIDTH
from kernels.columns import F32, I32, I64, NEVER, ContextColumns, PostColumns, UserColumns
from kernels.decay import WINDOWS_MS
from kernels.fold import IMPRESSION, VIEW, Events, SeenPosts, empty_effects, empty_seen, empty_users
from kernels.replay import CHUNK, World, assemble_each, fold_log, publish, replay
from training.features.log import Log

_BITS: Final = np.arange(len(ACTIONS))


def events_of(log: Log, rows: slice) -> Events:
    """The impressions `rows` as events, with row numbers for ids: each shown, then acted upon, then watched."""
    seen = log.impressions
    done = (seen.actions[rows, None] >> _BITS) & 1
    watched = np.nan_to_num(seen.watch_s[rows]) > 0
    codes = np.concatenate([[IMPRESSION], _BITS, [VIEW]]).astype(np.int32)
    happened = np.concatenate([np.ones((len(done), 1), np.bool_), done.astype(np.bool_), watched[:, None]], axis=1)
    at, which = np.nonzero(happened)
    post = seen.post[rows][at]
    return Events(
        user=seen.user[rows][at],
        post=post.astype(np.int64),
        author=log.posts.author[post].astype(np.int64),
        topic=log.posts.topic[post].astype(np.int64),
        time_ms=seen.time_ms[rows][at],
        code=codes[which],
        watch_s=np.nan_to_num(seen.watch_s[rows])[at],
    )


class History:
    """State at a moment that only moves forward. `users` and `posts` are changed in place as it does."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._rows = 0  # impressions folded so far
        self._known_ms = 0  # the moment
        users, posts, authors = len(log.users.ids), len(log.posts.ids), len(log.posts.author_ids)
        people: UserColumns = empty_users(users)._replace(
            account_created_ms=log.users.created_ms,
            followers=log.users.followers,
            following=log.users.following,
            region=log.users.region,
        )
        counters = PostColumns(
            **{name: getattr(log.posts, name) for name in PostColumns._fields[:10]},
            counts=np.zeros((posts, len(WINDOWS_MS), len(COUNTS)), np.float32),
            counted_ms=np.zeros(posts, np.int64),
            author_counts=np.zeros((authors, len(WINDOWS_MS), len(COUNTS)), np.float32),
            author_counted_ms=np.zeros(authors, np.int64),
            author_posts=np.zeros(authors, np.float32),
            prior=np.zeros(len(COUNTS), np.float32),
        )
        by_age = np.argsort(log.posts.created_ms, kind="stable")
        self._world = World(
            users=people,
            seen=empty_seen(users),
            posts=counters,
            totals=np.zeros((1, len(WINDOWS_MS), len(COUNTS)), np.float32),
            totals_ms=np.zeros(1, np.int64),
            upload_ms=log.posts.created_ms[by_age],
            upload_author=log.posts.author[by_age],
            uploaded=np.zeros(1, np.int64),
            utc_offset_ms=log.utc_offset_ms,
            effects=empty_effects(CHUNK),
        )

    @property
    def users(self) -> UserColumns:
        return self._world.users

    @property
    def seen(self) -> SeenPosts:
        return self._world.seen

    @property
    def posts(self) -> PostColumns:
        return self._world.posts

    @property
    def totals(self) -> tuple[F32, I64]:
        """Counters [1, W, N] of all posts together, and their reference time [1]."""
        return self._world.totals, self._world.totals_ms

    def advance(self, time_ms: int) -> None:
        """Fold what happened before `time_ms`."""
        log = self._log
        until = log.rows_between(0, time_ms).stop
        while self._rows < until:
            end = min(until, self._rows + CHUNK)
            fold_log(self._world, events_of(log, slice(self._rows, end)))
            self._rows = end
        publish(self._world, time_ms)
        self._follow(time_ms)
        self._known_ms = time_ms

    def features(self, contexts: ContextColumns, rows: I32) -> F32:
        """X[R, F] of one post each for R requests, by what is known at this moment; what they saw is not folded.

        Nothing decays beyond this moment: that nothing is known of the time since does not mean that nothing happened.
        """
        contexts = contexts._replace(known_ms=np.minimum(contexts.time_ms, self._known_ms))
        x = np.empty((len(rows), WIDTH), np.float32)
        assemble_each(self._world, contexts, rows, 0, len(rows), x)
        return x

    def features_before(self, contexts: ContextColumns, rows: I32) -> F32:
        """X[R, F] of one post each for R requests in order of time; each by what happened before its own time.

        Raises ValueError when the first one lies before this moment.
        """
        if len(rows) and contexts.time_ms[0] < self._known_ms:
            raise ValueError("state only moves forward")
        if len(rows):
            self.advance(int(contexts.time_ms[0]))
        x = np.empty((len(rows), WIDTH), np.float32)
        for begin in range(0, len(rows), CHUNK):
            part = slice(begin, min(begin + CHUNK, len(rows)))
            until_ms = int(contexts.time_ms[part.stop - 1])
            until = self._log.rows_between(0, until_ms).stop
            self._follow(until_ms)
            events = events_of(self._log, slice(self._rows, until))
            replay(self._world, events, ContextColumns._make(c[part] for c in contexts), rows[part], x[part])
            self._rows, self._known_ms = until, until_ms
        return x

    def live_features(self, rows: slice) -> F32:
        """X[n, F] of the impressions `rows`, which are next: each by what happened until then, to the millisecond."""
        log = self._log
        self.advance(int(log.impressions.time_ms[rows.start]))
        self._follow(int(log.impressions.time_ms[rows.stop - 1]))
        x = np.empty((rows.stop - rows.start, WIDTH), np.float32)
        for begin in range(rows.start, rows.stop, CHUNK):
            part = slice(begin, min(begin + CHUNK, rows.stop))
            self._live_part(part, x[part.start - rows.start : part.stop - rows.start])
        return x

    def _live_part(self, rows: slice, x: F32) -> None:
        log = self._log
        events = events_of(log, slice(self._rows, rows.stop))
        contexts = contexts_of(log, np.arange(rows.start, rows.stop), log.impressions.user[rows])
        folded = replay(self._world, events, contexts, log.impressions.post[rows], x)
        # Events of the last millisecond are left for the next part, all those of an impression together.
        self._rows = rows.stop - int(np.count_nonzero(events.code[folded:] == IMPRESSION))

    def _follow(self, time_ms: int) -> None:
        self._world = self._world._replace(users=self.users._replace(**follows_before(self._log, time_ms)))


def contexts_of(log: Log, rows: I64, user: I32) -> ContextColumns:
    """The contexts in which the impressions `rows` happened; `user` [R] are their rows in user columns."""
    seen = log.impressions
    return ContextColumns(
        user=user.astype(np.int32),
        time_ms=seen.time_ms[rows],
        known_ms=seen.time_ms[rows],
        utc_offset_ms=np.full(len(rows), log.utc_offset_ms, np.int64),
        **{name: codes[rows] for name, codes in seen.context.items()},
    )


def history_at(log: Log, time_ms: int) -> History:
    """State from everything that happened before `time_ms`."""
    history = History(log)
    history.advance(time_ms)
    return history


def follows_before(log: Log, time_ms: int) -> dict[str, np.ndarray]:
    """The follow columns of all users: who was followed before `time_ms`, since when, and since when a close friend."""
    relations = log.relations
    authors = rows_of(relations.author_id, log.posts.author_ids)
    wanted = np.isin(relations.kind, ("follow", "close_friend")) & (relations.time_ms < time_ms) & (authors >= 0)
    close = relations.kind[wanted] == "close_friend"
    count = max(len(log.posts.author_ids), 1)
    edges = relations.user[wanted].astype(np.int64) * count + authors[wanted]
    edges, at = np.unique(edges, return_inverse=True)
    since_ms, close_ms = np.full(len(edges), NEVER), np.full(len(edges), NEVER)
    np.minimum.at(since_ms, at, relations.time_ms[wanted])
    np.minimum.at(close_ms, at[close], relations.time_ms[wanted][close])
    user, author = np.divmod(edges, count)
    users = np.arange(len(log.users.ids))
    return {
        "follow_begin": np.searchsorted(user, users),
        "follow_end": np.searchsorted(user, users, side="right"),
        "follow_author": author.astype(np.int32),
        "follow_since_ms": since_ms,
        "follow_close_ms": close_ms,
    }
