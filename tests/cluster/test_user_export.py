import msgspec
import numpy as np
import pytest

from cluster.user_export import export
from cluster.user_state import EVENT, FEWER, UserState
from cluster.users import RELATIONS, Relations
from cluster.vocabulary import stable_id
from kernels.actions import BIT, COUNT, COUNTS
from kernels.columns import AUTHORS, DAYS, TOPICS
from kernels.decay import DAY, WINDOWS_MS


def ids(*values: int) -> bytes:
    return np.array(values, np.int64).tobytes()


def padded(value: float, size: int, at: int = 0) -> bytes:
    """float32[size] of zeros but for one place."""
    column = np.zeros(size, np.float32)
    column[at] = value
    return column.tobytes()


def test_nothing_known_is_told_as_nothing():
    told = msgspec.to_builtins(export(7, UserState(), {}))
    assert told["user_id"] == 7
    assert told["relations"] == {kind: [] for kind in RELATIONS}
    assert (told["history"], told["seen"], told["authors"], told["topics"], told["counters"]["days"]) == ([],) * 5
    assert told["counters"]["decayed"] == {"1h": {}, "1d": {}, "7d": {}, "28d": {}}


def test_every_field_of_a_state_shows():
    daily = np.zeros((DAYS, len(COUNTS)), np.float32)
    daily[2, COUNT["like"]] = 3
    decayed = np.zeros((len(WINDOWS_MS), len(COUNTS)), np.float32)
    decayed[DAY, COUNT["watch_s"]] = 12.5
    topics = np.full(TOPICS, -1, np.int64)
    topics[:2] = stable_id("cats"), 99
    authors = np.full(AUTHORS, -1, np.int64)
    authors[5] = 31
    state = UserState(
        created_ms=1,
        followers=2.0,
        following=3.0,
        region="north",
        last_day=19_000,
        daily=daily.tobytes(),
        hours=padded(4, 24, at=23),
        history=np.array([(5, 6, BIT["like"] | BIT["share"], 7.5), (8, 9, 0, 0.0)], EVENT).tobytes(),
        following_ids=ids(10, 11),
        close_ids=ids(11),
        blocked_ids=ids(12),
        muted_ids=ids(13),
        counts=decayed.tobytes(),
        counted_ms=14,
        author=authors.tobytes(),
        author_shown=padded(1.5, AUTHORS, at=5),
        author_engaged=padded(0.5, AUTHORS, at=5),
        topic=topics.tobytes(),
        topic_shown=padded(2.5, TOPICS),
        topic_engaged=padded(3.5, TOPICS, at=1),
        blocked_by_ids=ids(15),
        muted_by_ids=ids(16),
        fewer=np.array([(20, 7, 1_700_000_000)], FEWER).tobytes(),
    )
    told = msgspec.to_builtins(export(7, state, {stable_id("cats"): "cats"}))
    assert told["profile"] == {"created_ms": 1, "followers": 2.0, "following": 3.0, "region": "north"}
    assert told["relations"] == {"follow": [10, 11], "close_friend": [11], "block": [12], "mute": [13]}
    assert (told["blocked_by"], told["muted_by"]) == ([15], [16])
    assert told["fewer"] == [{"post_id": 7, "author_id": 20, "time_ms": 1_700_000_000_000}]
    assert told["history"] == [
        {"post_id": 5, "time_ms": 6, "actions": ["like", "share"], "watch_s": 7.5},
        {"post_id": 8, "time_ms": 9, "actions": [], "watch_s": 0.0},
    ]
    counters = told["counters"]
    assert counters["days"] == [{"date": "2022-01-06", "counts": {"like": 3.0}}]
    assert counters["impressions_by_hour"] == [0.0] * 23 + [4.0]
    assert counters["decayed"] == {"1h": {}, "1d": {"watch_s": 12.5}, "7d": {}, "28d": {}}
    assert counters["time_ms"] == 14
    assert told["authors"] == [{"author_id": 31, "shown": 1.5, "engaged": 0.5}]
    assert told["topics"] == [
        {"topic_id": stable_id("cats"), "topic": "cats", "shown": 2.5, "engaged": 0.0},
        {"topic_id": 99, "topic": None, "shown": 0.0, "engaged": 3.5},
    ]


@pytest.mark.parametrize(("following", "expected"), [(0, [1000, 2000, 3000]), (2, [3000, 1000, 2000])])
def test_the_ring_of_seen_posts_is_told_oldest_first(following, expected):
    state = UserState(seen_posts=ids(1, 2, 3), seen_times=np.array([1, 2, 3], np.uint32).tobytes(), seen_next=following)
    seen = export(7, state, {}).seen
    assert [post.time_ms for post in seen] == expected
    assert [post.post_id * 1000 for post in seen] == expected


def test_a_state_with_too_few_bytes_is_an_error():
    with pytest.raises(ValueError, match="reshape"):
        export(7, UserState(daily=bytes(8)), {})


def test_relations_are_those_that_events_can_make():
    assert Relations.__struct_fields__ == RELATIONS
