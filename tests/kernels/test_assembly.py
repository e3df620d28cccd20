import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.actions import BIT, COUNT, COUNTS
from kernels.assembly import WIDTH, assemble
from kernels.assembly_numpy import assemble_numpy
from kernels.columns import DAYS, HOUR_MS
from kernels.features import AT, FEATURES, INDEX, NAMES, NEVER_HOURS, coverage
from tests.kernels.columns import NOW, random_contexts, random_posts, random_users


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32), st.integers(1, 4), st.integers(0, 30), st.integers(1, 40), st.integers(1, 10))
def test_kernel_equals_its_twin_bit_for_bit(seed, requests, candidates, posts, authors):
    rng = np.random.default_rng(seed)
    table, users = random_posts(rng, posts, authors), random_users(rng, 3, posts, authors)
    contexts = random_contexts(rng, requests, 3)
    offsets = np.sort(np.concatenate([[0, candidates], rng.integers(0, candidates + 1, requests - 1)]))
    rows = rng.integers(0, posts, candidates).astype(np.int32)
    ours, twin = (np.full((candidates, WIDTH), np.nan, np.float32) for _ in range(2))
    assemble(users, contexts, table, offsets, rows, ours)
    assemble_numpy(users, contexts, table, offsets, rows, twin)
    assert not np.isnan(twin).any(), "every feature is written"
    np.testing.assert_array_equal(ours.view(np.uint32), twin.view(np.uint32))


def one_request(users, contexts, posts, row=0):
    x = np.empty((1, WIDTH), np.float32)
    assemble(users, contexts, posts, np.array([0, 1]), np.array([row], np.int32), x)
    return dict(zip(NAMES, x[0].tolist(), strict=True))


def small_world():
    rng = np.random.default_rng(0)
    posts, users = random_posts(rng, 4, 2), random_users(rng, 1, 4, 2)
    contexts = random_contexts(rng, 1, 1)._replace(
        time_ms=np.array([NOW]), known_ms=np.array([NOW]), utc_offset_ms=np.array([0])
    )
    return users._replace(last_day=np.array([NOW // 86_400_000], np.int32)), contexts, posts


def with_history(users, posts, hours_ago, actions):
    return users._replace(
        history_begin=np.array([0]),
        history_end=np.array([len(posts)]),
        history_post=np.array(posts, np.int64),
        history_time_ms=NOW - (np.array(hours_ago) * HOUR_MS).astype(np.int64),
        history_actions=np.array(actions, np.uint16),
        history_watch_s=np.zeros(len(posts), np.float32),
    )


def test_windows_of_a_week_and_of_the_week_before():
    users, contexts, posts = small_world()
    daily = np.zeros((1, DAYS, len(COUNTS)), np.float32)
    daily[0, :, COUNT["impression"]] = 10 ** (np.arange(DAYS) // 7)
    x = one_request(users._replace(daily=daily), contexts, posts)
    assert x["user_impressions_7d"] == 7
    assert x["user_impressions_lag14d"] == 70


def test_counters_age_as_time_goes_on():
    users, contexts, posts = small_world()
    daily = np.zeros((1, DAYS, len(COUNTS)), np.float32)
    daily[0, 0, COUNT["impression"]] = 5
    later = contexts._replace(time_ms=contexts.time_ms + 8 * 86_400_000)
    x = one_request(users._replace(daily=daily), later, posts)
    assert (x["user_impressions_7d"], x["user_impressions_lag14d"]) == (0, 5)


def test_counters_decay_up_to_what_is_known_and_no_further():
    users, contexts, posts = small_world()
    users = users._replace(counted_ms=np.array([NOW - 2 * HOUR_MS]))
    posts = posts._replace(counted_ms=np.full(4, NOW - 2 * HOUR_MS))
    known = contexts._replace(known_ms=np.array([NOW - HOUR_MS]))
    later = known._replace(time_ms=known.time_ms + 1000)
    for name in ("user_impressions_1h", "post_impressions_1h", "author_affinity", "post_trend"):
        assert one_request(users, known, posts)[name] == one_request(users, later, posts)[name]
    assert (
        one_request(users, known, posts)["user_impressions_1h"]
        > one_request(users, contexts, posts)["user_impressions_1h"]
    )


def test_what_the_history_says_of_a_post():
    users, contexts, posts = small_world()
    posts = posts._replace(author=np.array([0, 0, 1, 1], np.int32), topic=np.array([1, 2, 1, 0], np.int16))
    users = with_history(users, [0, 1, 2, 0, -1], [50, 40, 30, 20, 10], [BIT["like"], 0, BIT["click"], 0, BIT["like"]])
    x = one_request(users, contexts, posts)
    assert (x["post_seen"], x["post_positive"], x["post_hours_since"]) == (2, 1, 20)
    assert (x["author_seen"], x["author_positive"], x["author_hours_since"]) == (3, 1, 20)
    assert (x["topic_seen"], x["topic_match"]) == (3, 1)
    assert one_request(users, contexts, posts, row=3)["post_hours_since"] == NEVER_HOURS


def test_a_session_ends_with_a_gap_of_half_an_hour():
    users, contexts, posts = small_world()
    assert one_request(with_history(users, [0, 1, 2], [2.0, 0.4, 0.1], [0] * 3), contexts, posts)[
        "user_session_minutes"
    ] == np.float32(24)
    assert one_request(with_history(users, [0], [0.6], [0]), contexts, posts)["user_session_minutes"] == 0


def test_relations_to_the_author():
    users, contexts, posts = small_world()
    posts = posts._replace(author=np.array([0, 1, 1, 1], np.int32))
    users = users._replace(
        follow_begin=np.array([0]),
        follow_end=np.array([1]),
        follow_author=np.array([1], np.int32),
        follow_since_ms=np.array([NOW - 1]),
        follow_close_ms=np.array([NOW - 1]),
    )
    assert one_request(users, contexts, posts)["follows_author"] == 0
    x = one_request(users, contexts, posts, row=1)
    assert (x["follows_author"], x["close_friend"]) == (1, 1)
    just_close = users._replace(follow_close_ms=np.array([NOW]))
    x = one_request(just_close, contexts, posts, row=1)
    assert (x["follows_author"], x["close_friend"]) == (1, 0)
    just_now = users._replace(follow_since_ms=np.array([NOW]))
    assert one_request(just_now, contexts, posts, row=1)["follows_author"] == 0


def test_names_are_distinct_and_numbered_in_order():
    assert [INDEX[f.name] for f in FEATURES] == list(range(len(FEATURES)))
    assert len(AT) == WIDTH


def test_coverage_is_that_of_the_least_covered_column():
    known = coverage({"posts.topic": 0.5, "follows.author_id": 1.0})
    assert known["post_topic"] == 0.5
    assert known["follows_author"] == 1.0
    assert known["post_duration_s"] == 0.0
    assert known["hour_of_day"] == 1.0
