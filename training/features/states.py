"""The state of users and posts at a moment, as blobs: what a new online store is filled with."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cluster.post_counters import TOTALS, author_key, new_records, pack_record, post_key
from cluster.post_table import rows_of
from cluster.user_state import FEWER, FEWER_KEPT, UserState, pack
from cluster.user_tables import dump_state
from cluster.vocabulary import stable_id
from kernels.actions import NEGATIVE
from kernels.columns import F32, I32, I64, UserColumns
from kernels.fold import NO_TOPIC, NOBODY, SeenPosts
from training.features.history import History
from training.features.log import Log


def user_states(log: Log, history: History, time_ms: int, rows: I64 | None = None) -> Iterator[tuple[int, bytes]]:
    """(user_id, blob) of every user, or of some `rows`; `history` is that of `log` at `time_ms`."""
    users, seen = _with_public_ids(log, history)
    related = {kind: _related(log, time_ms, kind) for kind in ("follow", "close_friend", "block", "mute")}
    related_by = {kind: _related_by(log, time_ms, kind) for kind in ("block", "mute")}
    fewer, fewer_starts = _fewer(log, time_ms)
    region = np.array(["", *log.vocabularies.region.values], dtype=object)[log.users.region]
    for u in (np.arange(len(log.users.ids)) if rows is None else rows).tolist():
        authors = {kind: ids[offsets[u] : offsets[u + 1]].tobytes() for kind, (ids, offsets) in related.items()}
        by = {kind: ids[offsets[u] : offsets[u + 1]].tobytes() for kind, (ids, offsets) in related_by.items()}
        known = UserState(
            created_ms=int(users.account_created_ms[u]),
            followers=float(users.followers[u]),
            following=float(users.following[u]),
            region=region[u],
            following_ids=authors["follow"] + authors["close_friend"],
            close_ids=authors["close_friend"],
            blocked_ids=authors["block"],
            muted_ids=authors["mute"],
            blocked_by_ids=by["block"],
            muted_by_ids=by["mute"],
            fewer=fewer[fewer_starts[u] : fewer_starts[u + 1]][-FEWER_KEPT:].tobytes(),
        )
        yield int(log.users.ids[u]), pack(dump_state(known, users, seen, u))


def post_counters(log: Log, history: History) -> dict[bytes, bytes]:
    """Blobs by key: the counters of every post and author with any, and of all posts together."""
    posts, (totals, totals_ms) = history.posts, history.totals
    records, authors = post_records(log, history), _records(posts.author_counts, posts.author_counted_ms)
    return {
        TOTALS: pack_record(_records(totals, totals_ms)[0]),
        **{post_key(log.posts.ids[p]): pack_record(records[p]) for p in np.flatnonzero(posts.counted_ms)},
        **{
            author_key(log.posts.author_ids[a]): pack_record(authors[a])
            for a in np.flatnonzero(posts.author_counted_ms)
        },
    }


def post_records(log: Log, history: History) -> NDArray[np.void]:
    """The counters RECORD[P] of all posts; not by region, which a log's states do not tell apart."""
    topics = np.array([NO_TOPIC, *map(stable_id, log.vocabularies.topic.values)])
    records = _records(history.posts.counts, history.posts.counted_ms)
    records["author"], records["topic"] = log.posts.author_ids[log.posts.author], topics[log.posts.topic]
    return records


def _records(counts: F32, counted_ms: I64) -> NDArray[np.void]:
    records = new_records(len(counts))
    records["counts"], records["counted_ms"] = counts, counted_ms
    return records


def _with_public_ids(log: Log, history: History) -> tuple[UserColumns, SeenPosts]:
    """The columns of `history` with ids for row numbers."""
    users, seen = history.users, history.seen
    topics = np.array([NO_TOPIC, *map(stable_id, log.vocabularies.topic.values)])
    return (
        users._replace(
            history_post=log.posts.ids[users.history_post],
            author=_ids(log.posts.author_ids, users.author),
            topic=_ids(topics, users.topic),
        ),
        seen._replace(post=log.posts.ids[seen.post]),
    )


def _ids(ids: I64, rows: I64) -> I64:
    """The ids of `rows`; free places stay free."""
    return np.where(rows == NOBODY, NOBODY, ids[np.maximum(rows, 0)])


def _related(log: Log, time_ms: int, kind: str) -> tuple[I64, I64]:
    """Author ids with a relation of `kind`, grouped by user, with offsets [U + 1]."""
    relations = log.relations
    wanted = (relations.kind == kind) & (relations.time_ms < time_ms)
    return _grouped(relations.author_id[wanted], relations.user[wanted], len(log.users.ids))


def _related_by(log: Log, time_ms: int, kind: str) -> tuple[I64, I64]:
    """Ids of the users with a relation of `kind` to each user, grouped likewise."""
    relations = log.relations
    target = rows_of(relations.author_id, log.users.ids)
    wanted = (relations.kind == kind) & (relations.time_ms < time_ms) & (target >= 0)
    return _grouped(log.users.ids[relations.user[wanted]], target[wanted], len(log.users.ids))


def _fewer(log: Log, time_ms: int) -> tuple[NDArray[np.void], I64]:
    """FEWER of all that was hidden or reported, grouped likewise, each post of a user once."""
    shown, posts = log.impressions, log.posts
    rows = np.flatnonzero((shown.actions & NEGATIVE > 0) & (shown.time_ms < time_ms))
    _, first = np.unique(np.stack([shown.user[rows], shown.post[rows]]), axis=1, return_index=True)
    rows = rows[np.sort(first)]
    fewer = np.empty(len(rows), FEWER)
    fewer["author_id"], fewer["post_id"] = posts.author_ids[posts.author[shown.post[rows]]], posts.ids[shown.post[rows]]
    fewer["time_s"] = shown.time_ms[rows] // 1000
    return _grouped(fewer, shown.user[rows], len(log.users.ids))


def _grouped(values: NDArray[Any], users: I32, count: int) -> tuple[NDArray[Any], I64]:
    """`values` by their users' rows, and offsets [count + 1]."""
    order = np.argsort(users, kind="stable")
    return values[order], np.searchsorted(users[order], np.arange(count + 1))
