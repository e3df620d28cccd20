import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.actions import ACTIONS, BIT, COUNT
from kernels.columns import DAY_MS, DAYS, HISTORY, HOUR_MS
from kernels.decay import DAY, HOUR, WINDOWS_MS
from kernels.fold import (
    CLEAR,
    IMPRESSION,
    NO_TOPIC,
    NOBODY,
    SEEN,
    VIEW,
    Events,
    empty_effects,
    empty_seen,
    empty_users,
    fold_counts,
    fold_users,
)
from kernels.fold_numpy import User, count_numpy, fold_users_numpy
from tests.kernels.columns import NOW

LIKE, LONG_VIEW = ACTIONS.index("like"), ACTIONS.index("long_view")
OFFSET = 8 * HOUR_MS


def events_of(rows):
    """Events of (user, post, author, topic, time_ms, code, watch_s)."""
    dtypes = (np.int32, np.int64, np.int64, np.int64, np.int64, np.int32, np.float32)
    columns = list(zip(*rows, strict=True)) or [[]] * 7
    return Events(*(np.array(column, dtype) for column, dtype in zip(columns, dtypes, strict=True)))


def fold(rows, users=1):
    """Users, rings and effects after the events `rows`."""
    state, seen, events = empty_users(users), empty_seen(users), events_of(rows)
    effects = empty_effects(len(rows))
    n = fold_users(state, seen, events, OFFSET, effects)
    return state, seen, [tuple(column[i].item() for column in effects) for i in range(n)]


def history(state, u=0):
    at = slice(state.history_begin[u], state.history_end[u])
    columns = (state.history_post, state.history_time_ms, state.history_actions, state.history_watch_s)
    return [tuple(row) for row in zip(*(column[at].tolist() for column in columns), strict=True)]


CODES = [*range(len(ACTIONS)), *(CLEAR + bit for bit in range(len(ACTIONS))), *[IMPRESSION] * 20, VIEW, VIEW]


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32), st.sampled_from([1, 40, 700]), st.sampled_from([HOUR_MS, 3 * DAY_MS, 60 * DAY_MS]))
def test_kernel_equals_its_twin_bit_for_bit(seed, size, span):
    rng = np.random.default_rng(seed)
    post = rng.integers(0, rng.choice([3, 500]), size)
    times = NOW + np.sort(rng.integers(0, span, size))
    times -= np.where(rng.random(size) < 0.2, rng.integers(0, 2 * DAY_MS, size), 0)  # some come late
    rows = list(
        zip(
            rng.integers(0, 3, size).tolist(),
            post.tolist(),
            (post % 50 - 1).tolist(),  # NOBODY among them
            (post % 20).tolist(),  # NO_TOPIC among them
            times.tolist(),
            rng.choice(CODES, size).tolist(),
            (rng.integers(0, 900, size) / 16).tolist(),
            strict=True,
        )
    )
    state, seen, effects = fold(rows, users=3)
    twins = [User() for _ in range(3)]
    assert effects == fold_users_numpy(twins, events_of(rows), OFFSET)
    for u, twin in enumerate(twins):
        assert history(state, u) == [(i.post, i.time_ms, i.actions, i.watch_s) for i in twin.history]
        np.testing.assert_array_equal(state.counts[u], twin.counts)
        assert state.counted_ms[u] == twin.counted_ms
        daily = np.zeros_like(state.daily[u])
        for (day, column), amount in twin.daily.items():
            if twin.last_day - day < DAYS:
                daily[twin.last_day - day, column] = amount
        np.testing.assert_array_equal(state.daily[u], daily)
        np.testing.assert_array_equal(state.hours[u], twin.hours)
        for weights, ids, shown, engaged in (
            (twin.authors, state.author[u], state.author_shown[u], state.author_engaged[u]),
            (twin.topics, state.topic[u], state.topic_shown[u], state.topic_engaged[u]),
        ):
            n = len(weights.ids)
            assert ids.tolist() == weights.ids + [NOBODY] * (len(ids) - n)
            assert list(zip(shown[:n].tolist(), engaged[:n].tolist(), strict=True)) == [*map(tuple, weights.values)]
        ring = np.roll(np.stack([seen.post[u], seen.time_s[u]], axis=1), -seen.next[u], axis=0)
        assert [tuple(row) for row in ring[ring[:, 1] > 0].tolist()] == twin.seen


def shown(post=7, time_ms=NOW, author=5, topic=3):
    return 0, post, author, topic, time_ms, IMPRESSION, 0.0


def acted(code, post=7, time_ms=NOW + 1000, watch_s=0.0):
    return 0, post, 5, 3, time_ms, code, watch_s


def test_an_action_belongs_to_the_latest_impression_and_counts_at_its_time():
    state, _, effects = fold([shown(), shown(time_ms=NOW + DAY_MS), acted(LIKE, time_ms=NOW + 2 * DAY_MS)])
    assert history(state) == [(7, NOW, 0, 0.0), (7, NOW + DAY_MS, BIT["like"], 0.0)]
    assert effects[-1] == (2, COUNT["like"], 1.0, NOW + DAY_MS)
    assert state.last_day[0] == (NOW + DAY_MS + OFFSET) // DAY_MS


def test_doing_again_what_is_done_changes_nothing():
    once, twice = fold([shown(), acted(LIKE)]), fold([shown(), acted(LIKE), acted(LIKE)])
    assert once[2] == twice[2]
    np.testing.assert_array_equal(once[0].counts, twice[0].counts)


def test_taking_a_like_back_leaves_what_was_before_it():
    before, _, _ = fold([shown()])
    after, _, effects = fold([shown(), acted(LIKE), acted(CLEAR + LIKE)])
    assert [effect[2] for effect in effects] == [1.0, 1.0, -1.0]
    for name in ("counts", "daily", "history_actions", "author_engaged", "topic_engaged"):
        np.testing.assert_array_equal(getattr(before, name), getattr(after, name), name)


def test_taking_back_what_was_never_done_changes_nothing():
    state, _, effects = fold([acted(CLEAR + LIKE)])
    assert effects == []
    assert history(state) == []


def test_an_action_on_a_post_that_was_not_shown_is_an_impression_too():
    state, _, effects = fold([acted(LIKE)])
    assert [effect[1] for effect in effects] == [COUNT["impression"], COUNT["like"]]
    assert history(state) == [(7, NOW + 1000, BIT["like"], 0.0)]


def test_only_the_longest_view_counts():
    state, _, effects = fold([shown(), acted(VIEW, watch_s=3.0), acted(VIEW, watch_s=2.0), acted(VIEW, watch_s=4.5)])
    assert [effect[2] for effect in effects] == [1.0, 3.0, 1.5]
    assert history(state)[0][3] == 4.5


def test_late_events_land_in_their_own_day_and_place():
    state, _, _ = fold([shown(post=1, time_ms=NOW), shown(post=2, time_ms=NOW - 2 * DAY_MS)])
    assert [row[0] for row in history(state)] == [2, 1]
    assert state.daily[0, [0, 2], COUNT["impression"]].tolist() == [1, 1]
    late = np.exp(-2 * DAY_MS / WINDOWS_MS[DAY])
    np.testing.assert_allclose(state.counts[0, DAY, COUNT["impression"]], 1 + late, rtol=1e-6)
    np.testing.assert_allclose(state.author_shown[0, 0], 1 + late, rtol=1e-6)


def test_what_leaves_the_history_stays_seen_for_a_while():
    state, seen, _ = fold([shown(post=p, time_ms=NOW + p) for p in range(HISTORY + SEEN + 5)])
    assert [row[0] for row in history(state)] == list(range(SEEN + 5, HISTORY + SEEN + 5))
    assert sorted(seen.post[0].tolist()) == list(range(5, SEEN + 5))


def test_counters_forget_at_the_pace_of_their_window():
    state, _, _ = fold([shown(time_ms=NOW), shown(time_ms=NOW + 2 * HOUR_MS)])
    np.testing.assert_allclose(state.counts[0, HOUR, COUNT["impression"]], 1 + np.exp(-2), rtol=1e-6)


def test_unknown_authors_and_topics_are_counted_nowhere():
    state, _, _ = fold([shown(author=NOBODY, topic=NO_TOPIC)])
    assert set(state.author[0].tolist()) == set(state.topic[0].tolist()) == {NOBODY}


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32))
def test_counters_of_posts_equal_their_twin(seed):
    rng = np.random.default_rng(seed)
    rows = rng.integers(-1, 4, 50).astype(np.int32)
    columns = rng.integers(0, len(COUNT), 50).astype(np.int32)
    amounts = rng.choice([1.0, -1.0, 2.5], 50).astype(np.float32)
    times = NOW + rng.integers(0, DAY_MS, 50)
    counts, counted_ms = np.zeros((4, len(WINDOWS_MS), len(COUNT)), np.float32), np.zeros(4, np.int64)
    twin, twin_ms = counts.copy(), [0] * 4
    fold_counts(counts, counted_ms, rows, columns, amounts, times)
    for row, column, amount, time_ms in zip(rows, columns, amounts, times.tolist(), strict=True):
        if row >= 0:
            twin_ms[row] = count_numpy(twin[row], twin_ms[row], column, float(amount), time_ms)
    np.testing.assert_array_equal(counts, twin)
    assert counted_ms.tolist() == twin_ms
