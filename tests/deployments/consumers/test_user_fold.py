import numpy as np
import pytest

from cluster.events import Erasure, Event, Profile
from cluster.user_state import FEWER, FEWER_KEPT, UserState
from deployments.consumers.user_fold import fold, shunned_by_erased, users_of
from kernels.actions import BIT, COUNT

NOW = 1_700_000_000_000


def event(action, user=1, post=7, author=5, at=0, **more):
    return Event(
        event_id=f"{action}{at}", user_id=user, action=action, time_ms=NOW + at, post_id=post, author_id=author, **more
    )


def folded(*records, states=None, erased=None):
    states = {user: UserState() for user in users_of(records)} | (states or {})
    return fold(records, states, erased or {}, 0)


def ids(state, name):
    return np.frombuffer(getattr(state, name), np.int64).tolist()


def test_events_become_history_and_effects():
    result = folded(
        event("impression", topic="cats", region="north"), event("like", at=5), event("view", watch_ms=2000)
    )
    history = result.states[1].events
    assert history["post_id"].tolist() == [7]
    assert history["actions"].tolist() == [BIT["like"]]
    assert history["watch_s"].tolist() == [2.0]
    posts, authors, topics, regions, columns, amounts, times = result.effects.arrays()
    assert posts.tolist() == [7] * 3
    assert authors.tolist() == [5] * 3
    assert columns.tolist() == [COUNT["impression"], COUNT["like"], COUNT["watch_s"]]
    assert amounts.tolist() == [1.0, 1.0, 2.0]
    assert times.tolist() == [NOW] * 3
    assert topics[0] != 0
    assert regions[0] != 0


@pytest.mark.parametrize(
    ("begin", "end", "field"),
    [
        ("follow", "unfollow", "following_ids"),
        ("block", "unblock", "blocked_ids"),
        ("mute", "unmute", "muted_ids"),
        ("close_friend", "unclose_friend", "close_ids"),
    ],
)
def test_relations_begin_and_end(begin, end, field):
    once = folded(event(begin, post=None), event(begin, post=None, author=6), event(begin, post=None)).states[1]
    assert ids(once, field) == [6, 5]
    assert ids(folded(event(end, post=None), states={1: once}).states[1], field) == [6]


@pytest.mark.parametrize(("relation", "field"), [("block", "blocked_by_ids"), ("mute", "muted_by_ids")])
def test_a_block_or_mute_is_felt_on_the_other_side_until_it_ends(relation, field):
    begun = folded(event(relation, user=1, post=None, author=5))
    assert ids(begun.states[5], field) == [1]
    ended = folded(event(f"un{relation}", user=1, post=None, author=5), states=begun.states)
    assert ids(ended.states[5], field) == []


def test_what_is_hidden_or_reported_asks_for_fewer_of_its_author_once_a_post():
    state = folded(event("hide"), event("report", at=9), event("hide", post=8, at=5000), event("like", post=9)).states[
        1
    ]
    assert np.frombuffer(state.fewer, FEWER).tolist() == [(5, 7, NOW // 1000), (5, 8, NOW // 1000 + 5)]
    many = folded(*(event("hide", post=post, at=post) for post in range(FEWER_KEPT + 3))).states[1]
    assert np.frombuffer(many.fewer, FEWER)["post_id"].tolist() == list(range(3, FEWER_KEPT + 3))


def test_a_close_friend_is_followed_and_ceases_to_be_one_with_it():
    close = folded(event("close_friend", post=None)).states[1]
    assert (ids(close, "following_ids"), ids(close, "close_ids")) == ([5], [5])
    assert ids(folded(event("unfollow", post=None), states={1: close}).states[1], "close_ids") == []


def test_a_profile_changes_what_it_names():
    known = UserState(created_ms=3, followers=9.0, region="south")
    state = folded(Profile(user_id=1, time_ms=NOW, region="north", following=4), states={1: known}).states[1]
    assert (state.created_ms, state.followers, state.following, state.region) == (3, 9.0, 4, "north")


def test_an_erasure_forgets_what_was_before_it_even_when_that_is_told_later():
    before, after = event("impression", post=1), event("impression", post=2, at=2000)
    late = event("impression", post=3, at=500)
    result = folded(before, event("block", author=9), Erasure(user_id=1, time_ms=NOW + 1000), late, after)
    assert result.states[1].events["post_id"].tolist() == [2]
    assert ids(result.states[1], "blocked_ids") == []
    assert result.erased_ms == {1: NOW + 1000}
    again = folded(late, states={1: UserState()}, erased={1: NOW + 1000})
    assert again.states[1] == UserState()
    assert again.erased_ms == {}


def test_an_erased_user_has_blocked_and_muted_nobody():
    before = folded(event("block", author=9), event("mute", author=8), event("block", user=2, author=9)).states
    known = {1: before[1]}
    erasure = [Erasure(user_id=1, time_ms=NOW + 1)]
    assert shunned_by_erased(erasure, known) == [8, 9]
    assert shunned_by_erased(erasure, known | {9: before[9]}) == [8]
    after = folded(*erasure, states=before).states
    assert (ids(after[8], "muted_by_ids"), ids(after[9], "blocked_by_ids")) == ([], [2])


def test_nothing_to_fold_changes_nothing():
    assert folded().states == {}
    assert folded(event("mute", post=None)).effects.posts == b""
