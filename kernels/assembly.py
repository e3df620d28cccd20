"""Feature assembly: one pass that gathers, crosses and writes `X[candidates, features]`.

The same kernel builds matrices from logged requests and from live ones. All arithmetic is
float64, in fixed order and rounded once to float32, so the NumPy twin agrees to the bit. Letters in shapes are
those of `kernels.columns`; F = len(FEATURES).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kernels.actions import COUNT, POSITIVE
from kernels.columns import (
    CONTENT_DIM,
    DAY_MS,
    DAYS,
    F32,
    HOUR_MS,
    I16,
    I32,
    I64,
    ContextColumns,
    PostColumns,
    UserColumns,
)
from kernels.features import AT, FEATURES, NEVER_HOURS, POST_RATES, RATE_PRIOR, SESSION_GAP_MS, USER_RATES
from kernels.jit import kernel

F64 = NDArray[np.float64]

WIDTH = len(FEATURES)
#: Content type codes are below this.
KIND_CODES = 16

_USER_RATES = tuple(COUNT[name] for name in USER_RATES)
_POST_RATES = tuple(COUNT[name] for name in POST_RATES)
_IMPRESSION, _LONG_VIEW, _LIKE, _WATCH = COUNT["impression"], COUNT["long_view"], COUNT["like"], COUNT["watch_s"]
_ENGAGEMENT = tuple(COUNT[name] for name in ("like", "comment", "share", "save", "follow"))


@kernel
def _rate(count: float, impressions: float, prior: float) -> float:
    """Smoothed actions per impression: the mean over all posts weighs as much as RATE_PRIOR impressions."""
    return (count + RATE_PRIOR * prior) / (impressions + RATE_PRIOR)


@kernel
def _session_minutes(times: I64, now: int) -> float:
    """Minutes since the first of the history's events that gaps of at most SESSION_GAP_MS link to `now`."""
    start = now
    for h in range(len(times) - 1, -1, -1):
        if start - times[h] > SESSION_GAP_MS:
            break
        start = min(start, times[h])
    return (now - start) / 60_000.0


@kernel
def _user_features(users: UserColumns, u: int, now: int, offset: int, prior: F32, x: F64) -> None:
    """Write the user group of `x` [F], except what needs the history's posts."""
    local = now + offset
    today, hour = local // DAY_MS, (local // HOUR_MS) % 24
    windows = np.zeros((3, len(prior)), np.float64)  # last 7 days, the 7 before, last 28
    for d in range(DAYS):
        age = today - users.last_day[u] + d
        for n in range(len(prior)):
            count = np.float64(users.daily[u, d, n])
            if age < 7:
                windows[0, n] += count
            elif age < 14:
                windows[1, n] += count
            if age < DAYS:
                windows[2, n] += count
    created = users.account_created_ms[u]
    x[AT.user_account_age_days] = max(0, now - created) / DAY_MS if created > 0 else -1.0
    x[AT.user_followers] = users.followers[u]
    x[AT.user_following] = users.following[u]
    begin, end = users.history_offsets[u], users.history_offsets[u + 1]
    x[AT.user_session_minutes] = _session_minutes(users.history_time_ms[begin:end], now)
    near, total = 0.0, 0.0
    for h in range(24):
        total += users.hours[u, h]
        if (h - hour + 1) % 24 <= 2:
            near += users.hours[u, h]
    x[AT.user_active_hours] = near / total if total > 0 else 0.0
    week, lag, month = windows[0], windows[1], windows[2]
    x[AT.user_impressions_7d] = week[_IMPRESSION]
    for j in range(len(_USER_RATES)):
        n = _USER_RATES[j]
        x[AT.user_long_view_rate_7d + j] = _rate(week[n], week[_IMPRESSION], prior[n])
    x[AT.user_watch_s_7d] = week[_WATCH]
    x[AT.user_impressions_lag14d] = lag[_IMPRESSION]
    x[AT.user_long_view_rate_lag14d] = _rate(lag[_LONG_VIEW], lag[_IMPRESSION], prior[_LONG_VIEW])
    x[AT.user_like_rate_lag14d] = _rate(lag[_LIKE], lag[_IMPRESSION], prior[_LIKE])
    x[AT.user_watch_s_lag14d] = lag[_WATCH]
    x[AT.user_impressions_28d] = month[_IMPRESSION]
    x[AT.user_long_view_rate_28d] = _rate(month[_LONG_VIEW], month[_IMPRESSION], prior[_LONG_VIEW])
    x[AT.user_like_rate_28d] = _rate(month[_LIKE], month[_IMPRESSION], prior[_LIKE])


class History(NamedTuple):
    """A user's history beside its posts, gathered once per request. Entries of unknown posts have row -1."""

    post: I32  # [H] post rows
    author: I32  # [H]; -1 = unknown post
    topic: I16  # [H]; -1 = unknown post
    time_ms: I64  # [H]
    positive: F64  # [H] 1 where something positive was done
    positives: float  # how many there are


@kernel
def _history(users: UserColumns, u: int, posts: PostColumns, kinds: F64, liked: F64) -> History:
    """Gather the history; count its positive actions by kind into `kinds`, average their content into `liked` [E]."""
    begin, end = users.history_offsets[u], users.history_offsets[u + 1]
    post = users.history_post[begin:end]
    author, topic = np.full(len(post), -1, np.int32), np.full(len(post), -1, np.int16)
    positive = np.zeros(len(post), np.float64)
    for h in range(len(post)):
        p = post[h]
        if p >= 0:
            author[h], topic[h] = posts.author[p], posts.topic[p]
            if users.history_actions[begin + h] & POSITIVE:
                positive[h] = 1.0
                kinds[posts.kind[p]] += 1.0
                for e in range(CONTENT_DIM):
                    liked[e] += posts.content[p, e]
    positives = positive.sum()
    if positives > 0:
        for e in range(CONTENT_DIM):
            liked[e] /= positives
    return History(post, author, topic, users.history_time_ms[begin:end], positive, positives)


@kernel
def _context_features(contexts: ContextColumns, r: int, x: F64) -> None:
    """Write the context group of `x` [F]."""
    local = contexts.time_ms[r] + contexts.utc_offset_ms[r]
    x[AT.hour_of_day] = (local // HOUR_MS) % 24
    x[AT.day_of_week] = (local // DAY_MS + 3) % 7  # 1 January 1970 was a Thursday
    x[AT.surface] = contexts.surface[r]
    x[AT.device] = contexts.device[r]
    x[AT.connection] = contexts.connection[r]
    x[AT.app_version] = contexts.app_version[r]
    x[AT.region] = contexts.region[r]


@kernel
def _post_features(posts: PostColumns, p: int, now: int, x: F32) -> None:
    """Write the post group of one candidate's row `x` [F]."""
    x[AT.post_age_hours] = max(0, now - posts.created_ms[p]) / HOUR_MS
    x[AT.post_kind] = posts.kind[p]
    x[AT.post_topic] = posts.topic[p]
    x[AT.post_duration_s] = posts.duration_s[p]
    x[AT.post_caption_length] = posts.caption_length[p]
    x[AT.post_hashtags] = posts.hashtags[p]
    x[AT.post_has_location] = posts.has_location[p]
    week, month, prior = posts.week[p], posts.month[p], posts.prior
    x[AT.post_impressions_7d] = week[_IMPRESSION]
    x[AT.post_impressions_28d] = month[_IMPRESSION]
    for j in range(len(_POST_RATES)):
        n = _POST_RATES[j]
        x[AT.post_long_view_rate_28d + j] = _rate(month[n], month[_IMPRESSION], prior[n])
    x[AT.post_long_view_rate_7d] = _rate(week[_LONG_VIEW], week[_IMPRESSION], prior[_LONG_VIEW])
    x[AT.post_like_rate_7d] = _rate(week[_LIKE], week[_IMPRESSION], prior[_LIKE])
    x[AT.post_watch_s_28d] = _rate(month[_WATCH], month[_IMPRESSION], prior[_WATCH])
    a = posts.author[p]
    author = posts.author_month[a]
    x[AT.author_impressions_28d] = author[_IMPRESSION]
    x[AT.author_posts] = posts.author_posts[a]
    engagement, engagement_prior = 0.0, 0.0
    for n in _ENGAGEMENT:
        engagement += np.float64(author[n])
        engagement_prior += np.float64(prior[n])
    x[AT.author_engagement_rate_28d] = _rate(engagement, author[_IMPRESSION], engagement_prior)
    x[AT.author_long_view_rate_28d] = _rate(author[_LONG_VIEW], author[_IMPRESSION], prior[_LONG_VIEW])
    for e in range(CONTENT_DIM):
        x[AT.post_content_0 + e] = posts.content[p, e]


@kernel
def _history_features(history: History, author: int, topic: int, p: int, now: int, x: F32) -> None:
    """Write what the history says of candidate `p` into its row `x` [F]."""
    author_seen, author_positive, author_time = 0.0, 0.0, 0
    post_seen, post_positive, post_time = 0.0, 0.0, 0
    topic_seen, topic_positive = 0.0, 0.0
    for h in range(len(history.post)):
        if history.topic[h] == topic:
            topic_seen += 1.0
            topic_positive += history.positive[h]
        if history.author[h] == author:
            author_seen += 1.0
            author_positive += history.positive[h]
            author_time = max(author_time, int(history.time_ms[h]))
            if history.post[h] == p:
                post_seen += 1.0
                post_positive += history.positive[h]
                post_time = max(post_time, int(history.time_ms[h]))
    known = topic > 0  # code 0 is "unknown"
    x[AT.topic_seen] = topic_seen if known else 0.0
    x[AT.topic_match] = topic_positive / history.positives if known and history.positives > 0 else 0.0
    x[AT.author_seen] = author_seen
    x[AT.author_positive] = author_positive
    x[AT.author_hours_since] = min(NEVER_HOURS, max(0, now - author_time) / HOUR_MS) if author_seen else NEVER_HOURS
    x[AT.post_seen] = post_seen
    x[AT.post_positive] = post_positive
    x[AT.post_hours_since] = min(NEVER_HOURS, max(0, now - post_time) / HOUR_MS) if post_seen else NEVER_HOURS


@kernel
def _relation_features(users: UserColumns, u: int, posts: PostColumns, p: int, x: F32) -> None:
    """Write who the author is to the user into the candidate's row `x` [F]."""
    begin, end = users.follow_offsets[u], users.follow_offsets[u + 1]
    g = begin + np.searchsorted(users.follow_author[begin:end], posts.author[p])
    follows = g < end and users.follow_author[g] == posts.author[p]
    x[AT.follows_author] = 1.0 if follows else 0.0
    x[AT.close_friend] = 1.0 if follows and users.follow_close[g] else 0.0
    x[AT.region_match] = 1.0 if posts.region[p] > 0 and posts.region[p] == users.region[u] else 0.0


@kernel
def assemble(
    users: UserColumns, contexts: ContextColumns, posts: PostColumns, offsets: I64, rows: I32, out: F32
) -> None:
    """Write the feature matrix of R requests.

    Args:
        users: state of U users; `contexts.user` says which one asks.
        contexts: R requests.
        posts: the post table.
        offsets: int64[R + 1]; request r ranks `rows[offsets[r]:offsets[r + 1]]`.
        rows: int32[C] candidate post rows, each in [0, P).
        out: float32[C, F], overwritten.
    """
    for r in range(len(offsets) - 1):
        u, now = contexts.user[r], contexts.time_ms[r]
        shared = np.zeros(WIDTH, np.float64)
        kinds = np.zeros(KIND_CODES, np.float64)
        liked = np.zeros(CONTENT_DIM, np.float64)
        _user_features(users, u, now, contexts.utc_offset_ms[r], posts.prior, shared)
        _context_features(contexts, r, shared)
        history = _history(users, u, posts, kinds, liked)
        favourite = 1 + np.argmax(kinds[1:])  # code 0 is "unknown"
        shared[AT.user_preferred_kind] = favourite if kinds[favourite] > 0 else -1.0
        for i in range(offsets[r], offsets[r + 1]):
            p, x = rows[i], out[i]
            for f in range(WIDTH):
                x[f] = shared[f]
            _post_features(posts, p, now, x)
            _history_features(history, posts.author[p], posts.topic[p], p, now, x)
            kind = posts.kind[p]
            x[AT.kind_match] = kinds[kind] / history.positives if kind > 0 and history.positives > 0 else 0.0
            affinity = 0.0
            for e in range(CONTENT_DIM):
                affinity += liked[e] * np.float64(posts.content[p, e])
            x[AT.content_affinity] = affinity
            _relation_features(users, u, posts, p, x)
