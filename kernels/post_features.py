"""The post group of the feature matrix: what a post is, and what people lately did with it and with its author's."""

import math

import numpy as np

from kernels.actions import COUNT
from kernels.columns import CONTENT_DIM, F32, HOUR_MS, PostColumns
from kernels.decay import DAY, HOUR, MONTH, WEEK, WINDOWS_MS, fade
from kernels.features import AT, POST_RATES
from kernels.jit import kernel, part
from kernels.rates import rate

_RATES = tuple(COUNT[name] for name in POST_RATES)
_IMPRESSION, _LONG_VIEW, _LIKE, _WATCH = COUNT["impression"], COUNT["long_view"], COUNT["like"], COUNT["watch_s"]
_ENGAGEMENT = tuple(COUNT[name] for name in ("like", "comment", "share", "save", "follow"))
_POSITIVE = (*_ENGAGEMENT, _LONG_VIEW)
_DAY_HOURS = 24.0


@part
def post_features(posts: PostColumns, p: int, now: int, known: int, x: F32) -> None:
    """Write the post group of one candidate's row `x` [F]."""
    x[AT.post_age_hours] = max(0, now - posts.created_ms[p]) / HOUR_MS
    x[AT.post_kind] = posts.kind[p]
    x[AT.post_topic] = posts.topic[p]
    x[AT.post_duration_s] = posts.duration_s[p]
    x[AT.post_caption_length] = posts.caption_length[p]
    x[AT.post_hashtags] = posts.hashtags[p]
    x[AT.post_has_location] = posts.has_location[p]
    _post_counters(posts, p, known, x)
    _author_counters(posts, posts.author[p], known, x)
    for e in range(CONTENT_DIM):
        x[AT.post_content_0 + e] = posts.content[p, e]


@part
def _post_counters(posts: PostColumns, p: int, known: int, x: F32) -> None:
    """Write what people did with a candidate into its row `x` [F]."""
    counts, prior, age = posts.counts[p], posts.prior, known - posts.counted_ms[p]
    hour, day = fade(age, WINDOWS_MS[HOUR]), fade(age, WINDOWS_MS[DAY])
    week, month = fade(age, WINDOWS_MS[WEEK]), fade(age, WINDOWS_MS[MONTH])
    x[AT.post_impressions_1h] = counts[HOUR, _IMPRESSION] * hour
    x[AT.post_impressions_1d] = counts[DAY, _IMPRESSION] * day
    x[AT.post_impressions_7d] = counts[WEEK, _IMPRESSION] * week
    impressions = counts[MONTH, _IMPRESSION] * month
    x[AT.post_impressions_28d] = impressions
    for j in range(len(_RATES)):
        n = _RATES[j]
        x[AT.post_long_view_rate_28d + j] = rate(counts[MONTH, n] * month, impressions, prior[n])
    x[AT.post_watch_s_28d] = rate(counts[MONTH, _WATCH] * month, impressions, prior[_WATCH])
    for w, left, at in ((WEEK, week, AT.post_long_view_rate_7d), (DAY, day, AT.post_long_view_rate_1d)):
        impressions = counts[w, _IMPRESSION] * left
        x[at] = rate(counts[w, _LONG_VIEW] * left, impressions, prior[_LONG_VIEW])
        x[at + 1] = rate(counts[w, _LIKE] * left, impressions, prior[_LIKE])
    x[AT.post_trend] = trend(counts, hour, day)


@kernel
def trend(counts: F32, hour: float, day: float) -> float:
    """How far this hour's positive actions exceed what the day leads to expect, in deviations of a Poisson count.

    counts [W, N] of one post; `hour` and `day` say what is left of them by now.
    """
    lately, before = 0.0, 0.0
    for n in _POSITIVE:
        lately += np.float64(counts[HOUR, n])
        before += np.float64(counts[DAY, n])
    return excess(lately * hour, before * day)


@kernel
def excess(of_hour: float, of_day: float) -> float:
    """How far a count decayed over an hour exceeds what one decayed over a day leads to expect."""
    expected = of_day / _DAY_HOURS
    return (of_hour - expected) / math.sqrt(expected + 1.0)


@part
def _author_counters(posts: PostColumns, a: int, known: int, x: F32) -> None:
    """Write what people did with all posts of a candidate's author into its row `x` [F]."""
    counts, prior = posts.author_counts[a, MONTH], posts.prior
    left = fade(known - posts.author_counted_ms[a], WINDOWS_MS[MONTH])
    impressions = counts[_IMPRESSION] * left
    x[AT.author_impressions_28d] = impressions
    x[AT.author_posts] = posts.author_posts[a]
    engagement, engagement_prior = 0.0, 0.0
    for n in _ENGAGEMENT:
        engagement += np.float64(counts[n])
        engagement_prior += np.float64(prior[n])
    x[AT.author_engagement_rate_28d] = rate(engagement * left, impressions, engagement_prior)
    x[AT.author_long_view_rate_28d] = rate(counts[_LONG_VIEW] * left, impressions, prior[_LONG_VIEW])
