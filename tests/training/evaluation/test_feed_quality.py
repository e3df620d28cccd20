"""Occasions and what feeds are worth on them, against loops that read as their definitions."""

import math

import numpy as np
import pytest

from training.data.synth.world import World
from training.evaluation.beyond_accuracy import NONE
from training.evaluation.feed_quality import accuracy, best_unseen, measure_feeds
from training.evaluation.occasions import Occasions
from training.evaluation.oracle import FeedOracle, is_synthetic
from training.features.log import Log


@pytest.fixture(scope="module")
def log(world) -> Log:
    return Log.load(world)


@pytest.fixture(scope="module")
def occasions(world, log, split) -> Occasions:
    return Occasions.draw(world, log, split, 60, seed=1)


def posts_of(matrix, f):
    return set(matrix.indices[matrix.indptr[f] : matrix.indptr[f + 1]].tolist())


def test_an_occasion_knows_what_was_shown_before_its_day_and_what_was_liked_on_it(world, log, split, occasions):
    assert len(set(occasions.user.tolist())) == 60
    assert np.all(np.diff(occasions.time_ms) >= 0)
    seen, watch_ms = log.impressions, world.read("impressions")["watch_ms"].to_numpy()
    rows = list(zip(seen.user.tolist(), seen.post.tolist(), seen.time_ms.tolist(), seen.actions, watch_ms, strict=True))
    duration_s = log.posts.duration_s
    for f in range(0, len(occasions), 7):
        user, begin = int(occasions.user[f]), int(occasions.time_ms[f])
        mine = [row for row in rows if row[0] == user]
        before = {post for _, post, time, _, _ in mine if time < begin}
        liked = {
            post
            for _, post, time, actions, watched in mine
            if begin <= time < begin + 86_400_000
            and (actions & 33 or (duration_s[post] and watched >= round(duration_s[post] * 1000)))
        }
        assert posts_of(occasions.shown, f) == before
        assert posts_of(occasions.liked, f) == liked - before
        free = occasions.open_posts(log, f)
        assert not free[list(before)].any()
        published = np.flatnonzero(log.posts.created_ms <= begin)
        assert set(np.flatnonzero(free).tolist()) == set(published.tolist()) - before


def test_accuracy_is_what_its_definitions_read(log, occasions):
    rng, k = np.random.default_rng(0), 10
    feeds = np.array([rng.choice(len(log.posts.ids), k, replace=False) for _ in range(len(occasions))])
    feeds[::3, 6:] = NONE
    found = {name: metric.value for name, metric in accuracy(occasions, feeds, k).items()}
    expected = {"recall": [], "ndcg": [], "hit_rate": []}
    for f, feed in enumerate(feeds.tolist()):
        if liked := posts_of(occasions.liked, f):
            gains = [1 / math.log2(i + 2) for i, post in enumerate(feed) if post in liked]
            expected["recall"].append(len(gains) / len(liked))
            expected["ndcg"].append(sum(gains) / sum(1 / math.log2(i + 2) for i in range(min(k, len(liked)))))
            expected["hit_rate"].append(bool(gains))
    assert found == pytest.approx({name: np.mean(values) for name, values in expected.items()})
    assert 0 < found["recall"] < found["hit_rate"]


def test_the_oracle_of_feeds_shows_what_the_truth_likes_best_of_what_is_new(world, log, occasions):
    assert is_synthetic(world)
    oracle, truth = FeedOracle(world, log, "long_view"), World.load(world.folder)
    feeds = best_unseen(occasions, log, lambda f: oracle.of_posts(occasions, f), 10)
    f = len(occasions) // 2
    user_id, time_ms = log.users.ids[occasions.user[f]], occasions.time_ms[f]
    chances = {
        p: truth.probabilities(user_id, log.posts.ids[p], time_ms)["long_view"][0]
        for p in np.flatnonzero(occasions.open_posts(log, f)).tolist()
    }
    assert feeds[f].tolist() == sorted(chances, key=lambda p: -chances[p])[:10]
    known = oracle.of_feeds(occasions, feeds)
    np.testing.assert_allclose(known[f], [chances[p] for p in feeds[f].tolist()])
    rng = np.random.default_rng(2)
    others = best_unseen(occasions, log, lambda f: rng.random(len(log.posts.ids)), 10)
    impressions = np.bincount(log.impressions.post, minlength=len(log.posts.ids))
    best, random = (
        measure_feeds(occasions, log, impressions, shown, {"long_view": oracle.of_feeds(occasions, shown)})
        for shown in (feeds, others)
    )
    assert best.of_lists["long_view@10"].low > random.of_lists["long_view@10"].high
    assert best.of_lists["long_view@10"].value == pytest.approx(known.mean())
    assert best.of_all["coverage@10"] < random.of_all["coverage@10"] <= 1
    assert best.of_all["gini@10"] > random.of_all["gini@10"] > 0


def test_feeds_that_are_shorter_or_empty_are_measured(log, occasions):
    nothing = np.full((len(occasions), 3), NONE)
    quality = measure_feeds(occasions, log, np.ones(len(log.posts.ids)), nothing, {"long_view": np.ones(nothing.shape)})
    assert quality.of_lists["recall@10"] == (0, 0, 0)
    assert math.isnan(quality.of_lists["novelty@10"].value)
    assert math.isnan(quality.of_lists["long_view@10"].value)
    assert quality.of_all["coverage@50"] == 0
