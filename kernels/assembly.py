"""Feature assembly: one pass that gathers, crosses and writes `X[candidates, features]`.

The same kernel builds matrices from logged requests and from live ones. All arithmetic is
float64, in fixed order and rounded once to float32, so the NumPy twin agrees to the bit. Letters in shapes are
those of `kernels.columns`; F = len(FEATURES).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kernels.actions import POSITIVE
from kernels.columns import (
    AUTHORS,
    CONTENT_DIM,
    DAY_MS,
    F32,
    HOUR_MS,
    I16,
    I32,
    I64,
    TOPICS,
    ContextColumns,
    PostColumns,
    UserColumns,
)
from kernels.decay import DAY, MONTH, WINDOWS_MS, fade
from kernels.features import AT, FEATURES, NEVER_HOURS
from kernels.jit import kernel, part
from kernels.post_features import post_features
from kernels.user_features import user_features

F64 = NDArray[np.float64]

WIDTH = len(FEATURES)
#: Content type codes are below this.
KIND_CODES = 16


class History(NamedTuple):
    """A user's history beside its posts, gathered once per request. Entries of unknown posts have row -1."""

    post: I64  # [H] post rows
    author: I32  # [H]; -1 = unknown post
    topic: I16  # [H]; -1 = unknown post
    time_ms: I64  # [H]
    positive: I64  # [H] 1 where something positive was done
    positives: int  # how many there are


@kernel
def _history(users: UserColumns, u: int, posts: PostColumns, kinds: F64, liked: F64) -> History:
    """Gather the history; count its positive actions by kind into `kinds`, average their content into `liked` [E]."""
    begin, end = users.history_begin[u], users.history_end[u]
    post = users.history_post[begin:end]
    author, topic = np.full(len(post), -1, np.int32), np.full(len(post), -1, np.int16)
    positive = np.zeros(len(post), np.int64)
    for h in range(len(post)):
        p = post[h]
        if p >= 0:
            author[h], topic[h] = posts.author[p], posts.topic[p]
            if users.history_actions[begin + h] & POSITIVE:
                positive[h] = 1
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


@part
def request_features(
    users: UserColumns, contexts: ContextColumns, r: int, posts: PostColumns, shared: F64, kinds: F64, liked: F64
) -> History:
    """What the candidates of request `r` share: their features `shared` [F], and the user's history.

    Counts its positive actions by kind into `kinds` [KIND_CODES], and averages their content in `liked` [E]. All three
    must be 0.
    """
    u = contexts.user[r]
    user_features(users, u, contexts.time_ms[r], contexts.known_ms[r], contexts.utc_offset_ms[r], posts.prior, shared)
    _context_features(contexts, r, shared)
    history = _history(users, u, posts, kinds, liked)
    favourite = 1 + np.argmax(kinds[1:])  # code 0 is "unknown"
    shared[AT.user_preferred_kind] = favourite if kinds[favourite] > 0 else -1.0
    return history


@part
def history_features(history: History, author: int, topic: int, p: int, now: int, x: F32) -> None:
    """Write what the history says of candidate `p` into its row `x` [F]."""
    topic_seen, topic_positive, author_seen = 0, 0, 0
    for h in range(len(history.post)):  # without a branch: all impressions side by side
        of_topic = int(history.topic[h] == topic)
        topic_seen += of_topic
        topic_positive += of_topic & history.positive[h]
        author_seen += int(history.author[h] == author)
    author_positive, author_time, post_seen, post_positive, post_time = 0, 0, 0, 0, 0
    if author_seen:
        for h in range(len(history.post)):
            if history.author[h] == author:
                author_positive += history.positive[h]
                author_time = max(author_time, int(history.time_ms[h]))
                if history.post[h] == p:
                    post_seen += 1
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


@part
def affinity_features(
    users: UserColumns, u: int, author: int, topic: int, shown: float, engaged: float, x: F32
) -> None:
    """Write how much the user was shown of an author and a topic, and liked it, into the candidate's row `x` [F].

    `shown` and `engaged` say what is left of these weights by now.
    """
    x[AT.author_shown_1d], x[AT.author_affinity], x[AT.topic_shown_1d], x[AT.topic_affinity] = 0.0, 0.0, 0.0, 0.0
    for k in range(AUTHORS):
        if users.author[u, k] == author:
            x[AT.author_shown_1d] = users.author_shown[u, k] * shown
            x[AT.author_affinity] = users.author_engaged[u, k] * engaged
            break
    for k in range(TOPICS):
        if topic > 0 and users.topic[u, k] == topic:
            x[AT.topic_shown_1d] = users.topic_shown[u, k] * shown
            x[AT.topic_affinity] = users.topic_engaged[u, k] * engaged
            break


@part
def first_not_less(values: I32, begin: int, end: int, value: int) -> int:
    """The first place in [begin, end) of ascending values that is not less than `value`, or `end`."""
    while begin < end:
        middle = (begin + end) // 2
        if values[middle] < value:
            begin = middle + 1
        else:
            end = middle
    return begin


@part
def relation_features(users: UserColumns, u: int, posts: PostColumns, p: int, now: int, x: F32) -> None:
    """Write who the author is to the user into the candidate's row `x` [F]."""
    begin, end = users.follow_begin[u], users.follow_end[u]
    g = first_not_less(users.follow_author, begin, end, posts.author[p])
    follows = g < end and users.follow_author[g] == posts.author[p] and users.follow_since_ms[g] < now
    x[AT.follows_author] = 1.0 if follows else 0.0
    x[AT.close_friend] = 1.0 if follows and users.follow_close_ms[g] < now else 0.0
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
        u, now, known = contexts.user[r], contexts.time_ms[r], contexts.known_ms[r]
        shared = np.zeros(WIDTH, np.float64)
        kinds = np.zeros(KIND_CODES, np.float64)
        liked = np.zeros(CONTENT_DIM, np.float64)
        history = request_features(users, contexts, r, posts, shared, kinds, liked)
        age = known - users.counted_ms[u]
        shown, engaged = fade(age, WINDOWS_MS[DAY]), fade(age, WINDOWS_MS[MONTH])
        for i in range(offsets[r], offsets[r + 1]):
            p, x = rows[i], out[i]
            for f in range(WIDTH):
                x[f] = shared[f]
            post_features(posts, p, now, known, x)
            history_features(history, posts.author[p], posts.topic[p], p, now, x)
            kind = posts.kind[p]
            x[AT.kind_match] = kinds[kind] / history.positives if kind > 0 and history.positives > 0 else 0.0
            affinity = 0.0
            for e in range(CONTENT_DIM):
                affinity += liked[e] * np.float64(posts.content[p, e])
            x[AT.content_affinity] = affinity
            affinity_features(users, u, posts.author[p], posts.topic[p], shown, engaged, x)
            relation_features(users, u, posts, p, now, x)
