"""The NumPy twin of `kernels.assembly.assemble`: the same features in the plainest way, as its test oracle."""

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
from kernels.features import AT, NEVER_HOURS, POST_RATES, RATE_PRIOR, SESSION_GAP_MS, USER_RATES


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


def _user(users: UserColumns, u: int, now: int, offset: int, prior: F64, x: F64) -> None:
    age = (now + offset) // DAY_MS - users.last_day[u] + np.arange(DAYS)
    daily = users.daily[u].astype(np.float64)
    week = daily[age < 7].sum(axis=0)
    lag = daily[(age >= 7) & (age < 14)].sum(axis=0)
    month = daily[age < DAYS].sum(axis=0)
    created = users.account_created_ms[u]
    x[:, AT.user_account_age_days] = max(0, now - created) / DAY_MS if created > 0 else -1.0
    x[:, AT.user_followers] = users.followers[u]
    x[:, AT.user_following] = users.following[u]
    start = now
    for time in users.history_time_ms[users.history_offsets[u] : users.history_offsets[u + 1]][::-1]:
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
    x[:, AT.user_impressions_28d] = month[impression]
    x[:, AT.user_long_view_rate_28d : AT.user_like_rate_28d + 1] = _rates(month, prior, ("long_view", "like"))


def _posts(posts: PostColumns, rows: I32, now: int, prior: F64, x: F64) -> None:
    week, month = posts.week[rows].astype(np.float64), posts.month[rows].astype(np.float64)
    author = posts.author_month[posts.author[rows]].astype(np.float64)
    impression = COUNT["impression"]
    x[:, AT.post_age_hours] = np.maximum(0, now - posts.created_ms[rows]) / HOUR_MS
    x[:, AT.post_kind] = posts.kind[rows]
    x[:, AT.post_topic] = posts.topic[rows]
    x[:, AT.post_duration_s] = posts.duration_s[rows]
    x[:, AT.post_caption_length] = posts.caption_length[rows]
    x[:, AT.post_hashtags] = posts.hashtags[rows]
    x[:, AT.post_has_location] = posts.has_location[rows]
    x[:, AT.post_impressions_7d] = week[:, impression]
    x[:, AT.post_impressions_28d] = month[:, impression]
    x[:, AT.post_long_view_rate_28d : AT.post_hide_rate_28d + 1] = _rates(month, prior, POST_RATES)
    x[:, AT.post_long_view_rate_7d : AT.post_like_rate_7d + 1] = _rates(week, prior, ("long_view", "like"))
    x[:, [AT.post_watch_s_28d]] = _rates(month, prior, ("watch_s",))
    x[:, AT.author_impressions_28d] = author[:, impression]
    x[:, AT.author_posts] = posts.author_posts[posts.author[rows]]
    actions = [COUNT[name] for name in ("like", "comment", "share", "save", "follow")]
    engagement = np.add.accumulate(author[:, actions], axis=1)[:, -1]
    engagement_prior = np.add.accumulate(prior[actions])[-1]
    x[:, AT.author_engagement_rate_28d] = (engagement + RATE_PRIOR * engagement_prior) / (
        author[:, impression] + RATE_PRIOR
    )
    x[:, [AT.author_long_view_rate_28d]] = _rates(author, prior, ("long_view",))
    x[:, AT.post_content_0 : AT.post_content_0 + CONTENT_DIM] = posts.content[rows]


def _user_posts(users: UserColumns, u: int, posts: PostColumns, rows: I32, now: int, x: F64) -> None:
    history = slice(users.history_offsets[u], users.history_offsets[u + 1])
    seen = users.history_post[history]
    known = seen >= 0
    seen, times = seen[known], users.history_time_ms[history][known]
    positive = (users.history_actions[history][known] & POSITIVE) != 0
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

    kinds = np.bincount(posts.kind[seen[positive]], minlength=KIND_CODES)
    x[:, AT.user_preferred_kind] = 1 + kinds[1:].argmax() if kinds[1:].any() else -1.0
    if positive.any():
        x[:, AT.topic_match] = (same_topic & positive).sum(axis=1) / positive.sum()
        x[:, AT.kind_match] = np.where(posts.kind[rows] > 0, kinds[posts.kind[rows]] / positive.sum(), 0.0)
        liked = np.add.accumulate(posts.content[seen[positive]].astype(np.float64), axis=0)[-1] / positive.sum()
        x[:, AT.content_affinity] = np.add.accumulate(liked * posts.content[rows], axis=1)[:, -1]

    follows = slice(users.follow_offsets[u], users.follow_offsets[u + 1])
    authors = posts.author[rows][:, None] == users.follow_author[follows]
    x[:, AT.follows_author] = authors.any(axis=1)
    x[:, AT.close_friend] = (authors & users.follow_close[follows]).any(axis=1)
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
        _user(users, u, now, offset, prior, x)
        _posts(posts, candidates, now, prior, x)
        _user_posts(users, u, posts, candidates, now, x)
        x[:, AT.hour_of_day] = (now + offset) // HOUR_MS % 24
        x[:, AT.day_of_week] = ((now + offset) // DAY_MS + 3) % 7
        for name in ("surface", "device", "connection", "app_version", "region"):
            x[:, getattr(AT, name)] = getattr(contexts, name)[r]
        out[offsets[r] : offsets[r + 1]] = x
