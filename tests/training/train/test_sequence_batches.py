import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.actions import BIT
from kernels.columns import HISTORY, HOUR_MS
from training.models.two_tower import age_bucket
from training.train.sequence_batches import Sampling, Sequences, draw, log_inclusion, places_in, spread

POSTS = 40


def sequences(lengths, leads, seed=0):
    rng = np.random.default_rng(seed)
    rows = sum(lengths)
    return Sequences(
        post=rng.integers(0, POSTS, rows).astype(np.int32),
        actions=rng.choice([0, BIT["like"], BIT["long_view"], BIT["hide"], BIT["click"]], rows).astype(np.uint16),
        time_ms=np.cumsum(rng.integers(0, 5 * HOUR_MS, rows)),
        offsets=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        lead=np.array(leads, np.int32),
        user=np.arange(len(lengths), dtype=np.int32),
    )


def sampling(horizon=5, idle_weight=0.25, negatives=3):
    return Sampling(horizon, idle_weight, negatives, np.full(POSTS, 1 / POSTS))


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(2, 200), min_size=1, max_size=6), st.integers(0, 10_000))
def test_history_comes_before_the_cut_and_targets_after_it(lengths, seed):
    told = sequences(lengths, [0] * len(lengths), seed)
    chosen = np.arange(len(lengths))
    how = sampling()
    cut = np.random.default_rng(seed).integers(told.offsets[:-1] + 1, told.offsets[1:])
    batch = draw(told, chosen, how, np.random.default_rng(seed))
    posts, log_q = batch.posts.numpy(), batch.log_q.numpy()
    assert len(np.unique(posts)) == len(posts)
    candidates = posts[: len(log_q)]
    assert (np.diff(candidates) > 0).all()
    for s, at in enumerate(cut):
        mine = slice(max(told.offsets[s], at - HISTORY), at)
        past = batch.history_user.numpy() == s
        assert posts[batch.history_post.numpy()[past]].tolist() == told.post[mine].tolist()
        assert batch.history_actions.numpy()[past].tolist() == told.actions[mine].tolist()
        hours = ((told.time_ms[at] - told.time_ms[mine]) / HOUR_MS).astype(np.float32)
        assert batch.history_age.numpy()[past].tolist() == age_bucket(hours).tolist()
        later = np.arange(at, min(told.offsets[s + 1], at + how.horizon))
        later = later[told.actions[later] != BIT["hide"]]
        mine = batch.target_user.numpy() == s
        assert candidates[batch.target_post.numpy()[mine]].tolist() == told.post[later].tolist()
        liked = np.isin(told.actions[later], [BIT["like"], BIT["long_view"]])
        assert batch.target_weight.numpy()[mine].tolist() == np.where(liked, 1.0, 0.25).tolist()


def test_what_only_leads_is_never_a_target():
    told = sequences([HISTORY + 4], [HISTORY])
    rng = np.random.default_rng(0)
    for _ in range(50):
        batch = draw(told, np.array([0]), sampling(horizon=1000, idle_weight=1.0), rng)
        assert len(batch.history_post) == HISTORY
        assert 0 < len(batch.target_post) <= 4


def test_sequences_that_cannot_be_cut_are_left_out():
    assert sequences([1, 2, HISTORY, HISTORY + 1], [0, 0, HISTORY, HISTORY]).usable.tolist() == [1, 3]


def test_taking_sequences_keeps_them_whole():
    told = sequences([3, 7, 2], [0, 0, 0])
    some = told.take(np.array([2, 0]))
    assert len(some) == 2
    assert some.post.tolist() == [*told.post[10:12], *told.post[:3]]
    assert some.offsets.tolist() == [0, 2, 5]
    assert some.user.tolist() == [2, 0]


def test_the_correction_is_how_often_a_post_is_a_candidate():
    shares = np.random.default_rng(0).dirichlet(np.full(POSTS, 0.3))
    how = Sampling(5, 0.3, 4, shares)
    rng, rounds, targets = np.random.default_rng(1), 20_000, 12
    met = np.zeros(POSTS)
    for _ in range(rounds):
        met[np.union1d(rng.choice(POSTS, targets, p=shares), rng.integers(0, POSTS, how.negatives))] += 1
    chances = np.exp(log_inclusion(np.arange(POSTS), targets, how))
    # A post with more than half of all targets counts as one with half: both are nearly always there.
    np.testing.assert_allclose(chances, met / rounds, atol=0.015)


@settings(deadline=None, max_examples=60)
@given(st.sets(st.integers(0, 30), min_size=1), st.lists(st.integers(0, 30)))
def test_every_post_has_a_place(first, others):
    posts, places = places_in(np.array(sorted(first)), np.array(others, np.int32))
    assert posts[: len(first)].tolist() == sorted(first)
    assert sorted(posts) == sorted(first | set(others))
    assert posts[places].tolist() == others


@pytest.mark.parametrize("ranges", [[(0, 3), (5, 5), (4, 6)], [(2, 2)], []])
def test_ranges_spread_to_their_rows(ranges):
    begin, end = np.array(ranges, np.int64).reshape(-1, 2).T
    rows, owner = spread(begin, end)
    assert rows.tolist() == [row for b, e in ranges for row in range(b, e)]
    assert owner.tolist() == [i for i, (b, e) in enumerate(ranges) for _ in range(b, e)]
