"""The folds: how events become the state of users and the counters of posts.

The live consumers and the replay that training runs are the same kernels on the same arrays, so state is the same
wherever it comes from. Ids are any int64 that tells posts, authors and topics apart: public ids in a consumer, row
numbers in a replay.
"""

from typing import Final, NamedTuple

import numpy as np

from kernels.actions import ACTIONS, COUNT, COUNTS, POSITIVE
from kernels.columns import AUTHORS, DAY_MS, DAYS, F32, HISTORY, HOUR_MS, I32, I64, TOPICS, U32, UserColumns
from kernels.decay import DAY, MONTH, WINDOWS_MS, count, fade
from kernels.jit import kernel

#: What an event does, after the bits of ACTIONS: 0 to 15 set a bit, 16 to 31 clear it, these follow.
CLEAR: Final = 16
IMPRESSION: Final = 32
VIEW: Final = 33
#: Posts remembered as seen beyond the history.
SEEN: Final = 192
NOBODY: Final = -1
#: A topic that is not known is counted nowhere.
NO_TOPIC: Final = 0

_IMPRESSION, _WATCH = COUNT["impression"], COUNT["watch_s"]
_COUNTS = len(COUNTS)
_FIRST_ACTION = COUNT[ACTIONS[0]]


class Events(NamedTuple):
    """M events in the order of their log."""

    user: I32  # [M] user rows
    post: I64  # [M] post ids
    author: I64  # [M] author ids; NOBODY = unknown
    topic: I64  # [M] topic ids; NO_TOPIC = unknown
    time_ms: I64  # [M]
    code: I32  # [M] bit number of an action, CLEAR + bit number, IMPRESSION or VIEW
    watch_s: F32  # [M] of a VIEW


class SeenPosts(NamedTuple):
    """Rings of posts that were shown and have left the history."""

    post: I64  # [U, S] post ids
    time_s: U32  # [U, S] Unix seconds of the impression; 0 = free
    next: I32  # [U] place that the next one takes


class Effects(NamedTuple):
    """What events changed: E additions to counters, to be folded into those of posts and authors."""

    event: I32  # [E] which event
    column: I32  # [E] of COUNTS
    amount: F32  # [E] 1, -1, or seconds watched
    time_ms: I64  # [E] of the impression that it counts for


@kernel
def _count_day(users: UserColumns, u: int, column: int, amount: float, local_ms: int) -> None:
    """Add to the daily counters; days beyond them are forgotten."""
    day = local_ms // DAY_MS
    ahead = day - users.last_day[u]
    if ahead > 0:
        for d in range(DAYS - 1, -1, -1):
            for n in range(_COUNTS):
                users.daily[u, d, n] = users.daily[u, d - ahead, n] if d >= ahead else 0.0
        users.last_day[u] = day
        ahead = 0
    if -ahead < DAYS:
        users.daily[u, -ahead, column] = max(0.0, users.daily[u, -ahead, column] + amount)


@kernel
def _bring_forward(users: UserColumns, u: int, time_ms: int) -> None:
    """Let the weights of authors and topics decay to `time_ms`; the counters do so by themselves."""
    age = time_ms - users.counted_ms[u]
    if age <= 0 or users.counted_ms[u] == 0:
        return
    shown, engaged = fade(age, WINDOWS_MS[DAY]), fade(age, WINDOWS_MS[MONTH])
    for k in range(AUTHORS):
        users.author_shown[u, k] *= shown
        users.author_engaged[u, k] *= engaged
    for k in range(TOPICS):
        users.topic_shown[u, k] *= shown
        users.topic_engaged[u, k] *= engaged


@kernel
def _weigh(ids: I64, shown: F32, engaged: F32, which: int, more_shown: float, more_engaged: float) -> None:
    """Add to the weights of `which` in one user's table; a newcomer takes the place of the lightest."""
    place, least = -1, np.inf
    for k in range(len(ids)):
        if ids[k] == which:
            place = k
            break
        weight = np.float64(shown[k]) + np.float64(engaged[k]) if ids[k] != NOBODY else -1.0
        if weight < least:
            place, least = k, weight
    if ids[place] != which:
        ids[place], shown[place], engaged[place] = which, 0.0, 0.0
    shown[place] = max(0.0, shown[place] + more_shown)
    engaged[place] = max(0.0, engaged[place] + more_engaged)


@kernel
def _add(users: UserColumns, u: int, e: int, column: int, amount: float, time_ms: int, effects: Effects, n: int) -> int:
    """Count for the user, note the effect as number `n`, and return the next number."""
    count(users.counts, users.counted_ms, u, column, amount, time_ms)
    effects.event[n], effects.column[n], effects.amount[n], effects.time_ms[n] = e, column, amount, time_ms
    return n + 1


@kernel
def _remember(users: UserColumns, seen: SeenPosts, u: int, post: int, time_ms: int) -> int:
    """Put an impression into the history, in order of time; returns its place, -1 when it is too old for it."""
    begin, end = users.history_begin[u], users.history_end[u]
    if end - begin == HISTORY:
        oldest = users.history_time_ms[begin]
        _leave(seen, u, users.history_post[begin] if time_ms >= oldest else post, min(oldest, time_ms))
        if time_ms < oldest:
            return -1
        for h in range(begin, end - 1):
            _move(users, h + 1, h)
        end -= 1
    place = end
    while place > begin and users.history_time_ms[place - 1] > time_ms:
        _move(users, place - 1, place)
        place -= 1
    users.history_post[place], users.history_time_ms[place] = post, time_ms
    users.history_actions[place], users.history_watch_s[place] = 0, 0.0
    users.history_end[u] = end + 1
    return int(place)


@kernel
def _move(users: UserColumns, source: int, target: int) -> None:
    users.history_post[target] = users.history_post[source]
    users.history_time_ms[target] = users.history_time_ms[source]
    users.history_actions[target] = users.history_actions[source]
    users.history_watch_s[target] = users.history_watch_s[source]


@kernel
def _leave(seen: SeenPosts, u: int, post: int, time_ms: int) -> None:
    """Keep a post that leaves the history as seen."""
    size = seen.post.shape[1]
    if size > 0:
        place = seen.next[u]
        seen.post[u, place] = post
        seen.time_s[u, place] = time_ms // 1000
        seen.next[u] = (place + 1) % size


@kernel
def _find(users: UserColumns, u: int, post: int) -> int:
    """Place of the latest impression of a post; -1 = not in the history."""
    for h in range(users.history_end[u] - 1, users.history_begin[u] - 1, -1):
        if users.history_post[h] == post:
            return h
    return -1


@kernel
def fold_users(users: UserColumns, seen: SeenPosts, events: Events, utc_offset_ms: int, effects: Effects) -> int:
    """Fold events into `users`, in order, in place; returns the number of effects, at most 2 M.

    An action belongs to the latest impression of its post in the user's history, and counts at that one's time; without
    one it makes an impression of its own. Doing again what is done, or undoing what is not, changes nothing. Only the
    longest view of an impression counts. Undoing something on an impression that the history has lost is ignored.

    Args:
        users: histories must have room for HISTORY impressions each.
        seen: rings; of width 0 where nobody asks for them.
        events: M events.
        utc_offset_ms: of local time, for days and hours.
        effects: arrays of 2 M, overwritten.
    """
    n = 0
    for e in range(len(events.user)):
        u, post, time_ms, code = events.user[e], events.post[e], events.time_ms[e], events.code[e]
        author, topic = events.author[e], events.topic[e]
        place = -1 if code == IMPRESSION else _find(users, u, post)
        if place < 0:
            if CLEAR <= code < IMPRESSION:
                continue
            place = _remember(users, seen, u, post, time_ms)
            _bring_forward(users, u, time_ms)
            n = _add(users, u, e, _IMPRESSION, 1.0, time_ms, effects, n)
            local = time_ms + utc_offset_ms
            _count_day(users, u, _IMPRESSION, 1.0, local)
            users.hours[u, (local // HOUR_MS) % 24] += 1.0
            late = fade(users.counted_ms[u] - time_ms, WINDOWS_MS[DAY])
            if author != NOBODY:
                _weigh(users.author[u], users.author_shown[u], users.author_engaged[u], author, late, 0.0)
            if topic != NO_TOPIC:
                _weigh(users.topic[u], users.topic_shown[u], users.topic_engaged[u], topic, late, 0.0)
        if code == IMPRESSION or place < 0:
            continue
        shown_ms = users.history_time_ms[place]
        amount, column = 0.0, 0
        if code == VIEW:
            amount, column = events.watch_s[e] - users.history_watch_s[place], _WATCH
            if not amount > 0:
                continue
            users.history_watch_s[place] = events.watch_s[e]
        else:
            bit = code % CLEAR
            done = (users.history_actions[place] >> bit) & 1
            if done == (1 if code < CLEAR else 0):
                continue
            users.history_actions[place] ^= 1 << bit
            amount, column = (1.0 if code < CLEAR else -1.0), _FIRST_ACTION + bit
            if (POSITIVE >> bit) & 1:
                lasting = amount * fade(users.counted_ms[u] - shown_ms, WINDOWS_MS[MONTH])
                if author != NOBODY:
                    _weigh(users.author[u], users.author_shown[u], users.author_engaged[u], author, 0.0, lasting)
                if topic != NO_TOPIC:
                    _weigh(users.topic[u], users.topic_shown[u], users.topic_engaged[u], topic, 0.0, lasting)
        n = _add(users, u, e, column, amount, shown_ms, effects, n)
        _count_day(users, u, column, amount, shown_ms + utc_offset_ms)
    return n


@kernel
def fold_counts(counts: F32, counted_ms: I64, rows: I32, columns: I32, amounts: F32, times_ms: I64) -> None:
    """Fold E effects into counters [rows, W, N] of posts, authors or all of them, in order, in place.

    Args:
        rows: int32[E] whose counter it is; negative ones are skipped.
        columns, amounts, times_ms: as in Effects.
    """
    for e in range(len(rows)):
        if rows[e] >= 0:
            count(counts, counted_ms, rows[e], columns[e], amounts[e], times_ms[e])


def empty_users(users: int) -> UserColumns:
    """The columns of U users of whom nothing is known, with room for their histories."""
    begin = np.arange(users, dtype=np.int64) * HISTORY
    return UserColumns(
        account_created_ms=np.zeros(users, np.int64),
        followers=np.zeros(users, np.float32),
        following=np.zeros(users, np.float32),
        region=np.zeros(users, np.int16),
        daily=np.zeros((users, DAYS, _COUNTS), np.float32),
        last_day=np.zeros(users, np.int32),
        hours=np.zeros((users, 24), np.float32),
        counts=np.zeros((users, len(WINDOWS_MS), _COUNTS), np.float32),
        counted_ms=np.zeros(users, np.int64),
        history_begin=begin,
        history_end=begin.copy(),
        history_post=np.zeros(users * HISTORY, np.int64),
        history_time_ms=np.zeros(users * HISTORY, np.int64),
        history_actions=np.zeros(users * HISTORY, np.uint16),
        history_watch_s=np.zeros(users * HISTORY, np.float32),
        author=np.full((users, AUTHORS), NOBODY, np.int64),
        author_shown=np.zeros((users, AUTHORS), np.float32),
        author_engaged=np.zeros((users, AUTHORS), np.float32),
        topic=np.full((users, TOPICS), NOBODY, np.int64),
        topic_shown=np.zeros((users, TOPICS), np.float32),
        topic_engaged=np.zeros((users, TOPICS), np.float32),
        follow_begin=np.zeros(users, np.int64),
        follow_end=np.zeros(users, np.int64),
        follow_author=np.zeros(0, np.int32),
        follow_since_ms=np.zeros(0, np.int64),
        follow_close_ms=np.zeros(0, np.int64),
    )


def empty_seen(users: int, size: int = SEEN) -> SeenPosts:
    """Empty rings of `size`."""
    return SeenPosts(np.zeros((users, size), np.int64), np.zeros((users, size), np.uint32), np.zeros(users, np.int32))


def empty_effects(events: int) -> Effects:
    """Room for the effects of `events` events."""
    return Effects(
        np.zeros(2 * events, np.int32),
        np.zeros(2 * events, np.int32),
        np.zeros(2 * events, np.float32),
        np.zeros(2 * events, np.int64),
    )
