"""Each component that needs no trained model, alone."""

from dataclasses import replace
from datetime import datetime

import numpy as np
import pytest

from cluster.rules import Rules
from cluster.settings import Catalogue as Limits
from cluster.wire import Context
from deployments.catalogue.catalogue import Catalogue
from deployments.filters.removed import Removed
from deployments.filters.unpublished import Unpublished
from deployments.hydrators.features import Features
from deployments.pipeline.components import MissingInput
from deployments.scorers.prerank import PreRank
from deployments.scorers.rank import Rank
from deployments.scorers.utility import Utility
from deployments.scorers.weights import Weights
from deployments.selectors.first import First
from deployments.selectors.rerank import Rerank
from deployments.selectors.top import Top
from deployments.sources.following import Following
from deployments.sources.fresh import Fresh
from deployments.sources.long_term import LongTerm
from deployments.sources.popular import Popular
from deployments.sources.session import Session
from deployments.sources.similar_creators import SimilarCreators
from kernels.assembly import WIDTH
from kernels.assembly_numpy import assemble_numpy
from kernels.boosts import SERVED
from kernels.columns import DAY_MS, NEVER
from tests.deployments.catalogue.releases import catalogue, post, release, vector_of
from tests.deployments.queries import candidates, query
from tests.kernels.columns import NOW
from training.models.post_tower import unit

LIVE = catalogue(20)
POSTS = LIVE.posts


def test_posts_of_the_future_are_unpublished():
    asked = replace(query(POSTS), now_ms=NOW - 3_600_000)
    assert Unpublished(LIVE).keep(asked, candidates(17, 18, 19)).tolist() == [True, True, False]


def test_fresh_brings_the_newest_within_its_window():
    assert Fresh(LIVE, 3, hours=24).fetch(query(POSTS)).tolist() == [19, 18, 17]
    assert Fresh(LIVE, 100, hours=2).fetch(query(POSTS)).tolist() == [19, 18, 17]
    back_then = replace(query(POSTS), now_ms=NOW - 18 * 3_600_000)
    assert Fresh(LIVE, 100, hours=24).fetch(back_then).tolist() == [1, 0]


def test_popular_brings_its_quota():
    assert Popular(np.arange(20, dtype=np.int32), LIVE, 4).fetch(query(POSTS)).tolist() == [0, 1, 2, 3]


def test_what_was_removed_comes_from_no_source_and_past_no_filter():
    live, asked = catalogue(20), query(POSTS, seen=(1003,))
    live.apply([post(5000), post(1019, moderation="removed"), post(1003, deleted=True)])
    popular = np.arange(20, dtype=np.int32)
    sources = (Fresh(live, 100, hours=24), Popular(popular, live, 100), LongTerm(live, 100), Session(live, 100))
    for source in sources:
        rows = set(source.fetch(asked).tolist())
        assert not {3, 19} & rows
        assert (20 in rows) == (source.name != "popular")
    assert Removed(live).keep(asked, candidates(2, 3, 19, 20)).tolist() == [True, False, False, True]
    assert Popular(popular, live, 4).fetch(asked).tolist() == [0, 1, 2, 4]


def test_liking_a_new_post_moves_the_user_towards_it():
    live = catalogue(20)
    live.apply([post(5000)])
    asked = query(live.posts, seen=(5000,))
    vector = live.user_tower.encode(asked.user.history_post, asked.user.history_actions, asked.hours_since_history())
    np.testing.assert_allclose(vector, vector_of(live, 5000), atol=1e-5)
    assert LongTerm(live, 3).fetch(asked)[0] == 20


def test_what_the_last_actions_are_after_is_near_the_session_vector():
    live = catalogue(20)
    live.apply([post(5000)])
    asked = query(live.posts, seen=(1003, 5000))
    user, encoder = asked.user, live.session_encoder
    vector = encoder.encode(user.history_post, user.history_actions, asked.hours_since_history())
    likeness = unit(live.user_tower.history_vectors) @ vector
    assert Session(live, 5).enabled(asked)
    assert Session(live, 5).fetch(asked).tolist() == np.argsort(-likeness)[:5].tolist()
    older = encoder.encode(user.history_post[:1], user.history_actions[:1], asked.hours_since_history()[:1])
    assert not np.allclose(vector, older, atol=1e-3)  # the new post counts as history
    assert not Session(live, 5).enabled(query(live.posts))
    without = release(20)
    without.session_encoder = None
    assert not Session(Catalogue(without, Limits()), 5).enabled(asked)


def test_features_are_those_of_the_kernel():
    asked, found = query(POSTS, seen=(1003,)), candidates(3, 9, 1)
    x = Features(LIVE).hydrate(asked, found).x
    expected = np.empty((3, WIDTH), np.float32)
    assemble_numpy(asked.user, asked.context, POSTS.columns, np.array([0, 3]), found.rows, expected)
    np.testing.assert_array_equal(x, expected)


def test_scorers_without_features_or_heads_say_so():
    with pytest.raises(MissingInput, match="features"):
        PreRank(None).score(query(POSTS), candidates(1))
    with pytest.raises(MissingInput, match="features"):
        Rank(None).score(query(POSTS), candidates(1))
    with pytest.raises(MissingInput, match="ranker"):
        Utility(Weights("home", ("like",), Rules())).score(query(POSTS), candidates(1))


def test_utility_weighs_heads_and_counts_watch_time_in_minutes():
    heads = np.array([[0.5, 30, 0.1], [0.1, 0, 0]], np.float32)
    weigh = Utility(
        Weights(
            "home", ("like", "watch_time", "hide"), Rules(weights={"like": 1, "watch_time": 2, "hide": -20, "share": 3})
        )
    )
    scored = weigh.score(query(POSTS), replace(candidates(1, 2), heads=heads))
    np.testing.assert_allclose(scored.score, [0.5 + 2 * 0.5 - 2, 0.1], rtol=1e-6)


def test_selectors_never_send_on_fewer_than_are_wanted():
    found = replace(candidates(*range(12)), score=np.arange(12, dtype=np.float32))
    for selector in (First(3), Top(3)):
        assert len(selector.select(query(POSTS, limit=2), found)) == 3
        assert len(selector.select(query(POSTS, limit=7), found)) == 7
        assert len(selector.select(query(POSTS, limit=500), found)) == 12
    assert Top(3).select(query(POSTS, limit=1), found).rows.tolist() == [11, 10, 9]


def plain_rules(**rules) -> Rules:
    """The rules that are named, and none beside them."""
    none = {"diversity": 0, "author_decay": 1, "served_decay": 1, "kind_share": 1, "kind_run": 500, "creator_floor": 0}
    return Rules(**{"fresh_boost": 0, "close_boost": 0, "author_cap": 500, **none, **rules})


def order_of(rules: Rules, asked, found) -> list[int]:
    return Rerank(LIVE, rules).select(asked, found).rows.tolist()


def test_rerank_applies_the_rules_of_the_settings():
    found = replace(candidates(0, 3, 6, 1, 19), score=np.array([1.0, 0.9, 0.8, 0.7, 0.66], np.float32))
    rules = plain_rules(author_cap=2, author_cap_window=4, fresh_boost=0.1, fresh_boost_hours=1)
    feed = Rerank(LIVE, rules).select(query(POSTS), found)
    # 19 is minutes old and rises over 1 of the same author; the third post of author 100 waits for the fifth place.
    assert feed.rows.tolist() == [0, 3, 19, 1, 6]
    np.testing.assert_allclose(feed.score, [1.0, 0.9, 0.726, 0.7, 0.8], rtol=1e-6)


def test_close_friends_come_up_and_who_was_just_shown_goes_down():
    found = replace(candidates(0, 1, 2), score=np.array([1.0, 0.95, 0.9], np.float32))
    assert order_of(plain_rules(close_boost=0.2), query(POSTS), found) == [0, 1, 2]
    asked = query(POSTS)
    asked.user = asked.user._replace(follow_author=np.array([1, 2], np.int32), follow_close_ms=np.array([NEVER, 0]))
    assert order_of(plain_rules(close_boost=0.2), asked, found) == [2, 0, 1]
    shown = query(POSTS, seen=(1003, 77))  # of the author of 1000
    assert order_of(plain_rules(served_decay=0.8), shown, found) == [1, 2, 0]
    assert shown.reranked is not None
    assert shown.reranked.factors[0, SERVED] == pytest.approx(0.8, abs=1e-3)


def test_a_creator_is_new_for_some_days_after_the_first_post():
    live = catalogue(20)
    live.apply([post(5000, author_id=900, created_ms=NOW - DAY_MS), post(5001, author_id=900, created_ms=NOW)])
    live.apply([post(5002, author_id=901, created_ms=NOW - 9 * DAY_MS), post(5003, author_id=901, created_ms=NOW)])
    rows = live.posts.post_rows(np.array([5001, 5003]))
    authors = live.posts.columns.author[rows]
    assert (NOW - live.author_since_ms[authors]).tolist() == [DAY_MS, 9 * DAY_MS]
    found = replace(candidates(rows[1], rows[0]), score=np.array([2.0, 1.0], np.float32))
    for days, expected in ((10, [rows[1], rows[0]]), (9, [rows[0], rows[1]])):
        rules = plain_rules(creator_floor=1, new_creator_days=days)
        assert Rerank(live, rules).select(query(live.posts), found).rows.tolist() == expected


CAMPAIGN = {"name": "c", "boost": 0.5, "starts": "2023-11-14T00:00:00Z", "ends": "2023-11-15T00:00:00Z"}


@pytest.mark.parametrize(
    ("fields", "gains"),
    [
        ({"authors": [300, 999]}, True),
        ({"topics": ["food"], "kinds": ["photo"]}, True),
        ({"topics": ["food"], "kinds": ["video"]}, False),
        ({"topics": ["never heard of"]}, False),
        ({"authors": [300], "ends": "2023-11-14T22:13:20Z"}, False),
        ({"authors": [300], "starts": "2023-11-14T22:13:20Z"}, True),
        ({"authors": [300], "regions": ["north"]}, True),
        ({"authors": [300], "regions": ["south"]}, False),
        ({"authors": [300], "segments": ["new", "active"]}, True),
        ({"authors": [300], "segments": ["other"]}, False),
    ],
)
def test_a_campaign_raises_its_posts_within_its_window_for_whom_it_is_meant(fields, gains):
    asked = query(POSTS, context=Context(region="north"))
    assert asked.now_ms == NOW == datetime.fromisoformat("2023-11-14T22:13:20Z").timestamp() * 1000
    live = catalogue(20)
    live.posts.columns.topic[2], live.posts.columns.kind[2] = 2, 2  # food, photo
    found = replace(candidates(0, 1, 2), score=np.array([1.0, 0.9, 0.8], np.float32))
    feed = Rerank(live, plain_rules(campaigns=[CAMPAIGN | fields])).select(asked, found)
    assert feed.rows.tolist() == ([2, 0, 1] if gains else [0, 1, 2])


def test_following_brings_recent_posts_of_followed_authors_the_newest_first():
    live = catalogue(20)
    asked = query(live.posts)
    assert not Following(live, 10, 48).enabled(asked)
    asked.user = asked.user._replace(follow_author=np.array([1], np.int32))
    source = Following(live, 3, 10)
    assert source.enabled(asked)
    theirs = [row for row in range(19, 8, -1) if live.posts.columns.author[row] == 1]
    assert source.fetch(asked).tolist() == theirs[:3]
    live.apply([post(5000, author_id=200, created_ms=NOW)])
    assert live.posts.post_ids[source.fetch(asked)].tolist()[0] == 5000


def test_similar_creators_bring_recent_posts_of_those_who_are_not_followed():
    live = catalogue(20)
    similar = np.array([[2, -1], [0, 2], [-1, -1]], np.int32)
    source = SimilarCreators(similar, live, 4, 10)
    asked = query(live.posts)
    assert not source.enabled(asked)

    def brought(*followed: int) -> set[int]:
        user = asked.user._replace(follow_author=np.array(followed, np.int32))
        rows = source.fetch(replace(asked, user=user))
        assert len(rows) <= 4
        assert (live.posts.columns.created_ms[rows] >= NOW - 10 * 3_600_000).all()
        assert (np.diff(live.posts.columns.created_ms[rows]) <= 0).all()
        return set(live.posts.columns.author[rows].tolist())

    assert brought(0) == {2}
    assert brought(1) == {0, 2}
    assert brought(0, 1) == {2}, "who is followed has a source of their own"
    assert brought(2) == set()
    assert brought(7) == set(), "an author whom the release does not know"
    user = asked.user._replace(follow_author=np.array([1], np.int32))
    assert not len(SimilarCreators(np.zeros((0, 0), np.int32), live, 4, 10).fetch(replace(asked, user=user)))


def test_those_with_whom_the_user_has_engaged_are_the_models(monkeypatch):
    live = catalogue(20)
    monkeypatch.setattr("deployments.sources.similar_creators.MODELS", 1)
    source = SimilarCreators(np.array([[2], [-1], [0]], np.int32), live, 4, 48)
    asked = query(live.posts)
    engaged = np.zeros_like(asked.user.author_engaged)
    engaged[0, 3] = 1.0
    authors = np.full_like(asked.user.author, -1)
    authors[0, 3] = 0
    user = asked.user._replace(follow_author=np.array([0, 1], np.int32))
    known = replace(asked, user=user._replace(author=authors, author_engaged=engaged))
    assert set(live.posts.columns.author[source.fetch(known)].tolist()) == {2}
    authors[0, 3] = 1
    other = replace(asked, user=user._replace(author=authors, author_engaged=engaged))
    assert not len(source.fetch(other))
