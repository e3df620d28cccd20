"""The user group of the feature matrix: what is known of someone whoever's post is looked at."""

import numpy as np
from numpy.typing import NDArray

from kernels.actions import COUNT
from kernels.columns import DAY_MS, DAYS, F32, HOUR_MS, I64, UserColumns
from kernels.decay import DAY, HOUR, MONTH, WINDOWS_MS, fade
from kernels.features import AT, NEVER_HOURS, SESSION_GAP_MS, USER_RATES
from kernels.jit import kernel
from kernels.rates import rate

F64 = NDArray[np.float64]

_RATES = tuple(COUNT[name] for name in USER_RATES)
_IMPRESSION, _LONG_VIEW, _LIKE, _WATCH = COUNT["impression"], COUNT["long_view"], COUNT["like"], COUNT["watch_s"]


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
def user_features(users: UserColumns, u: int, now: int, known: int, offset: int, prior: F32, x: F64) -> None:
    """Write the user group of `x` [F], except what needs the history's posts."""
    local = now + offset
    today, hour = local // DAY_MS, (local // HOUR_MS) % 24
    created = users.account_created_ms[u]
    x[AT.user_account_age_days] = max(0, now - created) / DAY_MS if created > 0 else -1.0
    x[AT.user_followers] = users.followers[u]
    x[AT.user_following] = users.following[u]
    begin, end = users.history_begin[u], users.history_end[u]
    x[AT.user_session_minutes] = _session_minutes(users.history_time_ms[begin:end], now)
    x[AT.user_hours_since_last] = NEVER_HOURS
    if end > begin:
        x[AT.user_hours_since_last] = min(NEVER_HOURS, max(0, now - users.history_time_ms[end - 1]) / HOUR_MS)
    near, total = 0.0, 0.0
    for h in range(24):
        total += users.hours[u, h]
        if (h - hour + 1) % 24 <= 2:
            near += users.hours[u, h]
    x[AT.user_active_hours] = near / total if total > 0 else 0.0
    _user_days(users, u, today, prior, x)
    age = known - users.counted_ms[u]
    counts = users.counts[u]
    for w, at in ((HOUR, AT.user_impressions_1h), (DAY, AT.user_impressions_1d), (MONTH, AT.user_impressions_28d)):
        left = fade(age, WINDOWS_MS[w])
        impressions = counts[w, _IMPRESSION] * left
        x[at] = impressions
        x[at + 1] = rate(counts[w, _LONG_VIEW] * left, impressions, prior[_LONG_VIEW])
        x[at + 2] = rate(counts[w, _LIKE] * left, impressions, prior[_LIKE])


@kernel
def _user_days(users: UserColumns, u: int, today: int, prior: F32, x: F64) -> None:
    """Write what the user did in the last 7 days, and in the 7 before those."""
    windows = np.zeros((2, len(prior)), np.float64)
    for d in range(DAYS):
        age = today - users.last_day[u] + d
        if age < 14:
            for n in range(len(prior)):
                windows[0 if age < 7 else 1, n] += np.float64(users.daily[u, d, n])
    week, lag = windows[0], windows[1]
    x[AT.user_impressions_7d] = week[_IMPRESSION]
    for j in range(len(_RATES)):
        n = _RATES[j]
        x[AT.user_long_view_rate_7d + j] = rate(week[n], week[_IMPRESSION], prior[n])
    x[AT.user_watch_s_7d] = week[_WATCH]
    x[AT.user_impressions_lag14d] = lag[_IMPRESSION]
    x[AT.user_long_view_rate_lag14d] = rate(lag[_LONG_VIEW], lag[_IMPRESSION], prior[_LONG_VIEW])
    x[AT.user_like_rate_lag14d] = rate(lag[_LIKE], lag[_IMPRESSION], prior[_LIKE])
    x[AT.user_watch_s_lag14d] = lag[_WATCH]
