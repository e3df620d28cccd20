from dataclasses import replace

import numpy as np
import pytest
import torch

from kernels.actions import BIT
from tests.training.train.test_two_tower_learner import HOW, POSTS, TOPICS, learner, topic_of, world
from training.train.lessons import SequenceLessons
from training.train.teacher import Lessons

K = 6


def lessons(told, count=400, seed=0):
    """At some impressions: what was shown there, which was hard, and a post of each topic but the first.

    The teacher likes the topic after the user's own, which nobody is shown more than by chance.
    """
    rng = np.random.default_rng(seed)
    rows = np.sort(rng.choice(len(told.post), count, replace=False))
    user = np.searchsorted(told.offsets, rows, side="right").astype(np.int32) - 1
    post = (np.arange(K) + TOPICS * rng.integers(0, 20, (count, K))).astype(np.int32)
    post[:, 0] = told.post[rows]
    logit = np.where(topic_of(post - 1) == (user % TOPICS)[:, None], 2.0, -2.0).astype(np.float32)
    hard = np.zeros(post.shape, np.bool_)
    hard[:, 0] = True
    return rows, Lessons(told.user[user], told.time_ms[rows], post, logit, hard)


def test_sequences_with_lessons_are_cut_where_those_take_place():
    told = world()
    rows, taught = lessons(told)
    mine, chosen = SequenceLessons(taught, told, POSTS), np.arange(len(told))
    begin, end = told.offsets[chosen] + 1, told.offsets[chosen + 1]
    possible = rows[~np.isin(rows, told.offsets)]  # a user's first impression has no history
    assert mine.cut.tolist() == possible.tolist()
    met = set()
    for seed in range(40):
        cut = begin + 3
        moved, lesson = mine.moments(chosen, cut, np.random.default_rng(seed))
        assert ((moved >= begin) & (moved < end)).all()
        assert (moved[lesson < 0] == cut[lesson < 0]).all()
        assert (moved[lesson >= 0] == mine.cut[lesson[lesson >= 0]]).all()
        met |= set(lesson.tolist())
    assert met == {-1, *range(len(possible))}


def test_lessons_of_people_who_are_elsewhere_are_passed_over():
    told = world()
    rows, taught = lessons(told)
    part = told.take(np.arange(50))
    inside = rows[(rows < told.offsets[50]) & ~np.isin(rows, told.offsets)]
    assert SequenceLessons(taught, part, POSTS).cut.tolist() == inside.tolist()
    nobody = SequenceLessons(Lessons(*(column[:0] for column in taught)), part, POSTS)
    cut, lesson = nobody.moments(np.arange(50), np.arange(50), np.random.default_rng(0))
    assert cut.tolist() == list(range(50))
    assert set(lesson.tolist()) == {-1}


def test_a_pair_is_hard_for_its_user_alone():
    told = world()
    _, taught = lessons(told, 30)
    mine = SequenceLessons(taught, told, POSTS)
    pairs = set(zip(taught.user.tolist(), taught.post[:, 0].tolist(), strict=True))
    users, posts = (grid.reshape(-1).astype(np.int32) for grid in np.mgrid[:300, :POSTS])
    expected = [pair in pairs for pair in zip(users.tolist(), posts.tolist(), strict=True)]
    assert mine.hard(users, posts).tolist() == expected


def test_a_batch_says_what_was_not_acted_on_and_what_the_ranker_thought():
    told = world()
    told.actions[told.post == 3] = BIT["hide"]
    _, taught = lessons(told)
    how = replace(HOW, shown_negatives=0.5, hard_negatives=2.0, distillation=1.5, idle_weight=0.0, horizon=8)
    student = learner(told, how, taught)
    batch = student.draw(np.arange(60), np.random.default_rng(3))
    posts = batch.posts.numpy()
    assert len(np.unique(posts)) == len(posts)
    users, weights = batch.negative_user.numpy(), batch.negative_weight.numpy()
    shown = posts[batch.negative_post.numpy()]
    assert {0.5, 2.5} <= set(weights.tolist()) <= {0.5, 2.0, 2.5}
    for user, post, weight in zip(users, shown, weights, strict=True):
        mine = slice(told.offsets[user], told.offsets[user + 1])
        idle = ((told.post[mine] == post) & (told.actions[mine] != BIT["long_view"])).any()
        hard = post in taught.post[taught.user == user, 0]
        assert idle or weight == 2.0
        assert (weight >= 2.0) == hard
    assert batch.taught_weight == 1.5
    assert len(batch.taught_user) > 5
    for user, places, share in zip(batch.taught_user, batch.taught_post, batch.taught_share, strict=True):
        match = (taught.user == user.item()) & (taught.post == posts[places]).all(axis=1)
        assert match.any()
        odds = np.exp(taught.logit[match][0].astype(np.float64))
        np.testing.assert_allclose(share, odds / odds.sum(), rtol=1e-5)


def test_what_the_ranker_thinks_is_learned_from_it():
    told, unseen = world(), world(seed=1)
    _, taught = lessons(told, 3000)
    found = []
    for distillation in (0.0, 10.0):
        student = learner(told, replace(HOW, distillation=distillation), taught)
        for epoch in range(HOW.epochs):
            list(student.epoch(epoch, 0))
        with torch.no_grad():
            users, posts = student.vectors(unseen, unseen.offsets[:-1], unseen.offsets[1:] - 1)
        best = (users @ posts.T).topk(20).indices.numpy()
        found.append((topic_of(best - 1) == topic_of(unseen.user)[:, None]).mean())
    assert found[0] < 0.3
    assert found[1] > found[0] + 0.3


@pytest.mark.parametrize("name", ["hard_negatives", "distillation"])
def test_only_these_need_the_ranker(name):
    assert not replace(HOW, shown_negatives=1.0).taught
    assert replace(HOW, **{name: 0.1}).taught
