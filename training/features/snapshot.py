"""The state of users and posts at one moment, from what happened before it: no feature sees the future."""

import numpy as np

from cluster.post_table import PostTable, rows_of
from kernels.actions import ACTIONS, BIT, COUNT, COUNTS
from kernels.columns import DAY_MS, DAYS, F32, HOUR_MS, I32, I64, PostColumns, UserColumns
from training.features.log import Log

#: Impressions kept in a user's history.
HISTORY = 128


def users_at(log: Log, time_ms: int, users: I32 | None = None) -> UserColumns:
    """State of `users` (rows; default all) from everything that happened before `time_ms`."""
    users = np.arange(len(log.users.ids), dtype=np.int32) if users is None else users
    seen = log.impressions
    before = int(np.searchsorted(seen.time_ms, time_ms))
    counts = np.bincount(seen.user[:before], minlength=len(log.users.ids))[users]
    rows, offsets = _last_rows(log, users, counts)
    follow_offsets, follow_author, follow_close = _follows_at(log, time_ms, users)
    return UserColumns(
        account_created_ms=log.users.created_ms[users],
        followers=log.users.followers[users],
        following=log.users.following[users],
        region=log.users.region[users],
        daily=_daily(log, before, time_ms, users),
        last_day=np.full(len(users), log.day(time_ms), np.int32),
        hours=_hours(log, before, users),
        history_offsets=offsets,
        history_post=seen.post[rows],
        history_time_ms=seen.time_ms[rows],
        history_actions=seen.actions[rows],
        history_watch_s=np.nan_to_num(seen.watch_s[rows]),
        follow_offsets=follow_offsets,
        follow_author=follow_author,
        follow_close=follow_close,
    )


def posts_at(log: Log, time_ms: int) -> PostColumns:
    """The post table with the engagement counted in the 7 and 28 days before `time_ms`."""
    posts = log.posts
    week = _engagement(log, time_ms - 7 * DAY_MS, time_ms)
    month = _engagement(log, time_ms - DAYS * DAY_MS, time_ms)
    author_month = np.zeros((len(posts.author_ids), len(COUNTS)), np.float32)
    np.add.at(author_month, posts.author, month)
    total = month.sum(axis=0, dtype=np.float64)
    published = posts.created_ms < time_ms
    return PostColumns(
        created_ms=posts.created_ms,
        author=posts.author,
        kind=posts.kind,
        topic=posts.topic,
        region=posts.region,
        duration_s=posts.duration_s,
        caption_length=posts.caption_length,
        hashtags=posts.hashtags,
        has_location=posts.has_location,
        content=posts.content,
        week=week,
        month=month,
        author_month=author_month,
        author_posts=np.bincount(posts.author[published], minlength=len(posts.author_ids)).astype(np.float32),
        prior=(total / max(total[COUNT["impression"]], 1.0)).astype(np.float32),
    )


def post_table_at(log: Log, time_ms: int) -> PostTable:
    """The post table of a release whose data ends at `time_ms`."""
    return PostTable(log.posts.ids, log.posts.author_ids, posts_at(log, time_ms))


def _last_rows(log: Log, users: I32, counts: I64) -> tuple[I64, I64]:
    """The last HISTORY of the first `counts` impressions of each user: (rows, oldest first; offsets [U + 1])."""
    kept = np.minimum(counts, HISTORY)
    offsets = np.concatenate([[0], np.cumsum(kept)]).astype(np.int64)
    first = log.starts[users] + counts - kept
    within = np.arange(offsets[-1]) - np.repeat(offsets[:-1], kept)
    return log.by_user[np.repeat(first, kept) + within], offsets


def _counted(log: Log, rows: slice) -> dict[str, F32 | None]:
    """Weight of each impression in each counter; None counts every one."""
    actions = log.impressions.actions[rows]
    counted: dict[str, F32 | None] = {"impression": None}
    for name in ACTIONS:
        counted[name] = (actions & BIT[name] != 0).astype(np.float32)
    counted["watch_s"] = np.nan_to_num(log.impressions.watch_s[rows])
    return counted


def _tally(log: Log, rows: slice, keys: I64, size: int) -> F32:
    """Counters [size, N] of the impressions `rows`, each counted under its key."""
    out = np.zeros((size, len(COUNTS)), np.float32)
    for name, weights in _counted(log, rows).items():
        out[:, COUNT[name]] = np.bincount(keys, weights, minlength=size)
    return out


def _daily(log: Log, before: int, time_ms: int, users: I32) -> F32:
    """Counters [U, DAYS, N] by local day, newest first."""
    today = log.day(time_ms)
    begin = log.rows_between(log.day_start_ms(today - DAYS + 1), time_ms).start
    at = np.full(len(log.users.ids), -1, np.int64)
    at[users] = np.arange(len(users))
    rows = slice(begin, before)
    user = at[log.impressions.user[rows]]
    age = today - (log.impressions.time_ms[rows] + log.utc_offset_ms) // DAY_MS
    # Users that were not asked for are counted under one key past the end, and dropped.
    keys = np.where(user >= 0, user * DAYS + age, len(users) * DAYS)
    daily = _tally(log, rows, keys, len(users) * DAYS + 1)[:-1]
    return daily.reshape(len(users), DAYS, len(COUNTS))


def _hours(log: Log, before: int, users: I32) -> F32:
    hour = (log.impressions.time_ms[:before] + log.utc_offset_ms) // HOUR_MS % 24
    keys = log.impressions.user[:before].astype(np.int64) * 24 + hour
    hours = np.bincount(keys, minlength=len(log.users.ids) * 24).reshape(-1, 24)
    return hours[users].astype(np.float32)


def _follows_at(log: Log, time_ms: int, users: I32) -> tuple[I64, I32, np.ndarray]:
    """Followed authors as CSR over `users`: offsets, author rows (ascending), close friends."""
    relations = log.relations
    authors = rows_of(relations.author_id, log.posts.author_ids)
    wanted = np.isin(relations.kind, ("follow", "close_friend")) & (relations.time_ms < time_ms) & (authors >= 0)
    close = relations.kind[wanted] == "close_friend"
    edges = relations.user[wanted].astype(np.int64) * len(log.posts.author_ids) + authors[wanted]
    edges, at = np.unique(edges, return_inverse=True)
    is_close = np.zeros(len(edges), np.bool_)
    np.logical_or.at(is_close, at, close)
    user, author = np.divmod(edges, max(len(log.posts.author_ids), 1))
    begin, end = np.searchsorted(user, users), np.searchsorted(user, users, side="right")
    counts = end - begin
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    taken = np.repeat(begin - offsets[:-1], counts) + np.arange(offsets[-1])
    return offsets, author[taken].astype(np.int32), is_close[taken]


def _engagement(log: Log, start_ms: int, end_ms: int) -> F32:
    """Counters [P, N] of the impressions with start_ms <= time < end_ms."""
    rows = log.rows_between(start_ms, end_ms)
    return _tally(log, rows, log.impressions.post[rows].astype(np.int64), len(log.posts.ids))
