"""The NumPy twin of `kernels.assembly.assemble`: the same features in the plainest way, as its test oracle."""

import math

import numpy as np

from kernels.actions import COUNT, POSITIVE
from kernels.assembly import F64, KIND_CODES, WIDTH
from kernels.columns import (
    CONTENT_DIM,
    DAY_MS,
    DAYS,
    F32,
    HOUR_MS,
    I32,
    I64,
    ContextColumns,
    PostColumns,
    UserColumns,
)
from kernels.decay import DAY, HOUR, MONTH, WEEK, WINDOWS_MS
from kernels.features import AT, NEVER_HOURS, POST_RATES, SESSION_GAP_MS, USER_RATES
from kernels.rates import RATE_PRIOR


def _rates(counts: F64, prior: F64, names: tuple[str, ...]) -> F64:
    """Smoothed rates of the named counts. counts [..., N], prior [N] -> [..., len(names)]."""
    columns = [COUNT[name] for name in names]
    impressions = counts[..., [COUNT["impression"]]]
    rates: F64 = (counts[..., columns] + RATE_PRIOR * prior[columns]) / (impressions + RATE_PRIOR)
    return rates


def _hours_since(now: int, times: I64, same: np.ndarray) -> F64:
    """Hours from the last of `times` [H] where `same` [C, H]; NEVER_HOURS where there is none."""
    last = np.where(same, times, 0).max(axis=1, initial=0)
    hours = np.minimum(NEVER_HOURS, np.maximum(0, now - last) / HOUR_MS)
    return np.where(same.any(axis=1), hours, NEVER_HOURS)


def _fade(ages_ms: I64, window: int) -> F64:
    """Weights of ages. math.exp, because NumPy's own differs from the C library's in the last bit."""
    return np.array([math.exp(-age / WINDOWS_MS[window]) if age > 0 else 1.0 for age in ages_ms.tolist()])


def _user(users: UserColumns, u: int, now: int, known: int, offset: int, prior: F64, x: F64) -> None:
    age = (now + offset) // DAY_MS - users.last_day[u] + np.arange(DAYS)
    daily = users.daily[u].astype(np.float64)
    week = np.add.accumulate(np.vstack([np.zeros_like(daily[:1]), daily[age < 7]]))[-1]
    lag = np.add.accumulate(np.vstack([np.zeros_like(daily[:1]), daily[(age >= 7) & (age < 14)]]))[-1]
    created = users.account_created_ms[u]
    x[:, AT.user_account_age_days] = max(0, now - created) / DAY_MS if created > 0 else -1.0
    x[:, AT.user_followers] = users.followers[u]
    x[:, AT.user_following] = users.following[u]
    start = now
    times = users.history_time_ms[users.history_begin[u] : users.history_end[u]]
    x[:, AT.user_hours_since_last] = min(NEVER_HOURS, max(0, now - times[-1]) / HOUR_MS) if len(times) else NEVER_HOURS
    for time in times[::-1]:
        if start - time > SESSION_GAP_MS:
            break
        start = min(start, time)
    x[:, AT.user_session_minutes] = (now - start) / 60_000.0
    hours = users.hours[u].astype(np.float64)
    hour = (now + offset) // HOUR_MS % 24
    near = sum(hours[h] for h in range(24) if (h - hour + 1) % 24 <= 2)
    x[:, AT.user_active_hours] = near / hours.sum() if hours.sum() > 0 else 0.0
    impression, watch = COUNT["impression"], COUNT["watch_s"]
    x[:, AT.user_impressions_7d] = week[impression]
    x[:, AT.user_long_view_rate_7d : AT.user_hide_rate_7d + 1] = _rates(week, prior, USER_RATES)
    x[:, AT.user_watch_s_7d] = week[watch]
    x[:, AT.user_impressions_lag14d] = lag[impression]
    x[:, AT.user_long_view_rate_lag14d : AT.user_like_rate_lag14d + 1] = _rates(lag, prior, ("long_view", "like"))
    x[:, AT.user_watch_s_lag14d] = lag[watch]
    for window, at in ((HOUR, AT.user_impressions_1h), (DAY, AT.user_impressions_1d), (MONTH, AT.user_impressions_28d)):
        counts = users.counts[u, window] * _fade(known - users.counted_ms[u : u + 1], window)
        x[:, at] = counts[impression]
        x[:, at + 1 : at + 3] = _rates(counts, prior, ("long_view", "like"))


def _posts(posts: PostColumns, rows: I32, now: int, known: int, prior: F64, x: F64) -> None:
    ages = known - posts.counted_ms[rows]
    hour, day, week, month = (posts.counts[rows, w] * _fade(ages, w)[:, None] for w in (HOUR, DAY, WEEK, MONTH))
    authors = posts.author[rows]
    author = posts.author_counts[authors, MONTH].astype(np.float64)
    left = _fade(known - posts.author_counted_ms[authors], MONTH)
    impression = COUNT["impression"]
    x[:, AT.post_age_hours] = np.maximum(0, now - posts.created_ms[rows]) / HOUR_MS
    x[:, AT.post_kind] = posts.kind[rows]
    x[:, AT.post_topic] = posts.topic[rows]
    x[:, AT.post_duration_s] = posts.duration_s[rows]
    x[:, AT.post_caption_length] = posts.caption_length[rows]
    x[:, AT.post_hashtags] = posts.hashtags[rows]
    x[:, AT.post_has_location] = posts.has_location[rows]
    for window, at in zip(
        (hour, day, week, month), range(AT.post_impressions_1h, AT.post_impressions_28d + 1), strict=True
    ):
        x[:, at] = window[:, impression]
    x[:, AT.post_long_view_rate_28d : AT.post_hide_rate_28d + 1] = _rates(month, prior, POST_RATES)
    x[:, AT.post_long_view_rate_7d : AT.post_like_rate_7d + 1] = _rates(week, prior, ("long_view", "like"))
    x[:, AT.post_long_view_rate_1d : AT.post_like_rate_1d + 1] = _rates(day, prior, ("long_view", "like"))
    x[:, [AT.post_watch_s_28d]] = _rates(month, prior, ("watch_s",))
    positive = [COUNT[name] for name in ("like", "comment", "share", "save", "follow", "long_view")]
    lately = np.add.accumulate(posts.counts[rows, HOUR][:, positive].astype(np.float64), axis=1)[:, -1]
    before = np.add.accumulate(posts.counts[rows, DAY][:, positive].astype(np.float64), axis=1)[:, -1]
    expected = before * _fade(ages, DAY) / 24
    x[:, AT.post_trend] = (lately * _fade(ages, HOUR) - expected) / np.sqrt(expected + 1)
    x[:, AT.author_impressions_28d] = author[:, impression] * left
    x[:, AT.author_posts] = posts.author_posts[authors]
    actions = [COUNT[name] for name in ("like", "comment", "share", "save", "follow")]
    engagement = np.add.accumulate(author[:, actions], axis=1)[:, -1]
    engagement_prior = np.add.accumulate(prior[actions])[-1]
    x[:, AT.author_engagement_rate_28d] = (engagement * left + RATE_PRIOR * engagement_prior) / (
        author[:, impression] * left + RATE_PRIOR
    )
    x[:, [AT.author_long_view_rate_28d]] = _rates(author * left[:, None], prior, ("long_view",))
    x[:, AT.post_content_0 : AT.post_content_0 + CONTENT_DIM] = posts.content[rows]


def _user_posts(users: UserColumns, u: int, posts: PostColumns, rows: I32, now: int, known: int, x: F64) -> None:
    history = slice(users.history_begin[u], users.history_end[u])
    seen = users.history_post[history]
    there = seen >= 0
    seen, times = seen[there], users.history_time_ms[history][there]
    positive = (users.history_actions[history][there] & POSITIVE) != 0
    same_post = seen == rows[:, None]
    same_author = posts.author[seen] == posts.author[rows][:, None]
    same_topic = (posts.topic[seen] == posts.topic[rows][:, None]) & (posts.topic[rows] > 0)[:, None]
    x[:, AT.author_seen] = same_author.sum(axis=1)
    x[:, AT.author_positive] = (same_author & positive).sum(axis=1)
    x[:, AT.author_hours_since] = _hours_since(now, times, same_author)
    x[:, AT.topic_seen] = same_topic.sum(axis=1)
    x[:, AT.post_seen] = same_post.sum(axis=1)
    x[:, AT.post_positive] = (same_post & positive).sum(axis=1)
    x[:, AT.post_hours_since] = _hours_since(now, times, same_post)

    left = _fade(known - users.counted_ms[[u]], DAY)[0], _fade(known - users.counted_ms[[u]], MONTH)[0]
    for codes, table, shown, engaged, at in (
        (posts.author[rows], users.author[u], users.author_shown[u], users.author_engaged[u], AT.author_shown_1d),
        (posts.topic[rows], users.topic[u], users.topic_shown[u], users.topic_engaged[u], AT.topic_shown_1d),
    ):
        same = (codes[:, None] == table) & ((codes > 0) | (at == AT.author_shown_1d))[:, None]
        place, found = same.argmax(axis=1), same.any(axis=1)
        x[:, at] = np.where(found, shown[place] * left[0], 0.0)
        x[:, at + 1] = np.where(found, engaged[place] * left[1], 0.0)

    kinds = np.bincount(posts.kind[seen[positive]], minlength=KIND_CODES)
    x[:, AT.user_preferred_kind] = 1 + kinds[1:].argmax() if kinds[1:].any() else -1.0
    if positive.any():
        x[:, AT.topic_match] = (same_topic & positive).sum(axis=1) / positive.sum()
        x[:, AT.kind_match] = np.where(posts.kind[rows] > 0, kinds[posts.kind[rows]] / positive.sum(), 0.0)
        liked = np.add.accumulate(posts.content[seen[positive]].astype(np.float64), axis=0)[-1] / positive.sum()
        x[:, AT.content_affinity] = np.add.accumulate(liked * posts.content[rows], axis=1)[:, -1]

    follows = slice(users.follow_begin[u], users.follow_end[u])
    followed = (posts.author[rows][:, None] == users.follow_author[follows]) & (users.follow_since_ms[follows] < now)
    x[:, AT.follows_author] = followed.any(axis=1)
    x[:, AT.close_friend] = (followed & (users.follow_close_ms[follows] < now)).any(axis=1)
    x[:, AT.region_match] = (posts.region[rows] > 0) & (posts.region[rows] == users.region[u])


def assemble_numpy(
    users: UserColumns, contexts: ContextColumns, posts: PostColumns, offsets: I64, rows: I32, out: F32
) -> None:
    """Same arguments and result as `assemble`."""
    prior = posts.prior.astype(np.float64)
    for r in range(len(offsets) - 1):
        candidates = rows[offsets[r] : offsets[r + 1]]
        u, now, offset = int(contexts.user[r]), int(contexts.time_ms[r]), int(contexts.utc_offset_ms[r])
        x = np.zeros((len(candidates), WIDTH), np.float64)
        known = int(contexts.known_ms[r])
        _user(users, u, now, known, offset, prior, x)
        _posts(posts, candidates, now, known, prior, x)
        _user_posts(users, u, posts, candidates, now, known, x)
        x[:, AT.hour_of_day] = (now + offset) // HOUR_MS % 24
        x[:, AT.day_of_week] = ((now + offset) // DAY_MS + 3) % 7
        for name in ("surface", "device", "connection", "app_version", "region"):
            x[:, getattr(AT, name)] = getattr(contexts, name)[r]
        out[offsets[r] : offsets[r + 1]] = x
