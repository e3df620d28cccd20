"""The exploration slot, and what a favoured source changes."""

from dataclasses import replace

import numpy as np
import pytest

from cluster.learning import Bandit
from cluster.posts import Ad
from cluster.rules import Rules
from cluster.wire import Choice
from deployments.pipeline.executor import Pipeline, execute
from deployments.pipeline.query import Explored, Favoured
from deployments.pipeline.trace import Trace
from deployments.selectors.exploration import ExplorationSlot, Explore
from deployments.selectors.first import First
from deployments.selectors.rerank import Rerank
from deployments.selectors.top import Top
from deployments.sources.exploration import Exploration
from deployments.sources.fresh import Fresh
from deployments.sources.held import HOLD_MS
from deployments.sources.popular import Popular
from kernels.actions import COUNT
from tests.deployments.catalogue.releases import catalogue
from tests.deployments.queries import candidates, query
from tests.kernels.columns import NOW

LIVE = catalogue(40)
SETTINGS = Bandit(slot=3, pool=8, pool_hours=24, enough=50, floor=0.1)


@pytest.fixture
def explored():
    """Posts of which each has been seen often, but for the ten newest."""
    live = catalogue(40)
    counts = live.posts.columns.counts
    counts[:] = 0
    counts[:30, :, COUNT["impression"]] = 1000
    live.posts.columns.prior[:] = 0.1
    return live


def test_only_new_posts_that_few_have_seen_are_explored(explored):
    asked = query(explored.posts)
    rows = Exploration(explored, SETTINGS).fetch(asked)
    assert sorted(rows.tolist()) == list(range(32, 40))  # the eight newest of the ten
    assert asked.pool.chances.sum() == pytest.approx(1.0)
    assert (asked.pool.chances >= SETTINGS.floor / 8 - 1e-12).all()
    assert (np.diff(asked.pool.chances) <= 0).all()


def test_an_ad_is_never_explored(explored):
    explored.ads.put(np.array([35], np.int32), [Ad(bid=1.0)])
    rows = Exploration(explored, SETTINGS).fetch(query(explored.posts))
    assert sorted(rows.tolist()) == [31, 32, 33, 34, 36, 37, 38, 39]


def test_what_people_like_is_explored_more_and_what_they_pass_over_less(explored):
    counts = explored.posts.columns.counts
    counts[30:, :, COUNT["impression"]] = 40
    counts[35, :, COUNT["like"]] = 30
    source = Exploration(explored, SETTINGS)
    asked = query(explored.posts)
    assert source.fetch(asked)[0] == 35
    assert asked.pool.chances[0] > 0.8
    # Counters that move are heard of soon, but not at once.
    counts[35, :, COUNT["impression"]] = 1000
    assert 35 in source.fetch(query(explored.posts))
    later = query(explored.posts)
    later.now_ms = NOW + HOLD_MS
    assert 35 not in source.fetch(later)


def test_the_post_is_drawn_among_those_that_are_left_with_its_chance(explored):
    source, explore = Exploration(explored, SETTINGS), Explore(explored, SETTINGS.slot)
    drawn = {}
    for _ in range(400):
        asked = query(explored.posts)
        source.fetch(asked)
        left = candidates(33, 38, 1, 2)
        assert explore.enabled(asked)
        drawn_of = explore.select(asked, left)
        assert drawn_of.rows.tolist() == left.rows.tolist()
        assert drawn_of.rows[drawn_of.reserved].tolist() == [asked.explored.row]
        drawn.setdefault(asked.explored.row, []).append(asked.explored.chance)
        assert asked.choices["exploration"].chosen == str(1000 + asked.explored.row)
    assert set(drawn) == {33, 38}
    chance = {row: of[0] for row, of in drawn.items()}
    assert sum(chance.values()) == pytest.approx(1.0)
    assert len(drawn[33]) / 400 == pytest.approx(chance[33], abs=0.1)


def test_nothing_is_explored_where_the_slot_is_not_reached_or_nothing_is_left(explored):
    source, explore = Exploration(explored, SETTINGS), Explore(explored, SETTINGS.slot)
    asked = query(explored.posts, limit=3)
    source.fetch(asked)
    assert not explore.enabled(asked)
    asked = query(explored.posts)
    assert not explore.enabled(asked)  # the source failed
    source.fetch(asked)
    explore.select(asked, candidates(1, 2))
    assert asked.explored is None
    assert asked.choices == {}


def test_the_explored_post_gets_its_slot_whatever_its_score():
    rerank, slot = Rerank(LIVE, Rules()), ExplorationSlot(SETTINGS.slot)
    all_rows = candidates(*range(31))
    feed = replace(all_rows, reserved=all_rows.rows == 30)
    asked = query(LIVE.posts, limit=5)
    assert not slot.enabled(asked)
    asked.explored = Explored(30, 1030, 0.5)
    for step in (First(8), Top(6)):
        feed = step.select(asked, feed)
        assert feed.rows.tolist()[-1] == 30
    explored = slot.select(asked, rerank.select(asked, feed))
    without = rerank.select(query(LIVE.posts, limit=5), feed.take(feed.rows != 30)).rows.tolist()
    assert explored.rows.tolist() == [*without[: SETTINGS.slot], 30, *without[SETTINGS.slot : 4]]
    short = slot.select(asked, rerank.select(asked, feed.take(np.array([0, 6]))))  # the feed ends before the slot
    assert short.rows.tolist() == [0, 30]
    asked.choices = {"exploration": Choice("1030", 0.5)}
    left = feed.take(feed.rows != 30)  # a filter took it
    assert slot.select(asked, left) is left
    assert (asked.explored, asked.choices) == (None, {})


def test_sources_that_are_not_favoured_give_up_most_of_their_candidates():
    popular, fresh = Popular(np.arange(20, dtype=np.int32), LIVE, 20), Fresh(LIVE, 10, 48)
    pipeline = Pipeline(query_hydrators=[], sources=[popular, fresh], filters=[], soft_filters=[], steps=[], posts=LIVE)
    asked = query(LIVE.posts)
    everything = execute(pipeline, asked, Trace())
    assert len(everything) == 30
    asked.favoured = Favoured("fresh", 0.8, ("popular", "fresh"), 1, np.ones(1), np.ones(2))
    feed = execute(pipeline, asked, Trace())
    assert np.bincount(feed.sources).tolist() == [0, 4, 10]
    asked.favoured = asked.favoured._replace(arms=("other", "fresh"))  # no arm gives up nothing
    assert len(execute(pipeline, asked, Trace())) == 30


def test_candidates_stand_behind_others_with_all_their_columns():
    one = replace(candidates(1, 2), x=np.ones((2, 3), np.float32))
    two = replace(candidates(5), x=np.zeros((1, 3), np.float32))
    both = one.then(two)
    assert both.rows.tolist() == [1, 2, 5]
    assert both.x.shape == (3, 3)
    assert both.heads is None
