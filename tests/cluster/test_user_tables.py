import numpy as np

from cluster.user_state import EVENT, UserState, pack
from cluster.user_tables import dump_state, load_states
from kernels.actions import BIT
from kernels.columns import DAY_MS, HISTORY
from kernels.fold import IMPRESSION, SEEN, Events, empty_effects, fold_users

NOW = 1_700_000_000_000
KNOWN = UserState(created_ms=5, followers=2.0, region="north", blocked_ids=np.array([9]).tobytes())


def seen_posts(posts, user=0):
    n = len(posts)
    return Events(
        user=np.full(n, user, np.int32),
        post=np.array(posts, np.int64),
        author=np.array(posts, np.int64) % 7,
        topic=np.array(posts, np.int64) % 5,
        time_ms=NOW + np.arange(n, dtype=np.int64) * 60_000,
        code=np.full(n, IMPRESSION, np.int32),
        watch_s=np.zeros(n, np.float32),
    )


def after(states, events):
    users, seen = load_states(states)
    fold_users(users, seen, events, 0, empty_effects(len(events.user)))
    return [dump_state(state, users, seen, u) for u, state in enumerate(states)]


def test_loading_and_dumping_change_nothing():
    [full] = after([KNOWN], seen_posts(range(HISTORY + SEEN + 3)))
    history = np.array([(7, 1000, BIT["like"], 1.5)], EVENT).tobytes()
    for state in (KNOWN, full, UserState(history=history)):
        users, seen = load_states([state])
        assert dump_state(state, users, seen, 0) == state


def test_folding_in_two_batches_is_folding_in_one():
    posts = [int(post) for post in np.random.default_rng(0).integers(0, 500, 400)]
    whole = seen_posts(posts)
    first, second = (Events(*(column[part] for column in whole)) for part in (slice(0, 150), slice(150, None)))
    assert after(after([KNOWN], first), second) == after([KNOWN], whole)


def test_users_do_not_touch_each_other():
    [alone] = after([UserState()], seen_posts([1, 2, 3]))
    assert after([KNOWN, UserState()], seen_posts([1, 2, 3], user=1)) == [
        dump_state(KNOWN, *load_states([KNOWN]), 0),
        alone,
    ]


def test_what_is_known_of_the_user_stays():
    [state] = after([KNOWN], seen_posts([1]))
    assert (state.created_ms, state.region, state.blocked_ids) == (5, "north", KNOWN.blocked_ids)
    assert state.last_day == NOW // DAY_MS


def test_the_fullest_state_fits_the_budget():
    [full] = after([KNOWN], seen_posts(range(3000)))
    assert len(pack(full)) + 8 * 100 < 8192, "with a hundred followed authors"
