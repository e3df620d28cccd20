import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtr

from kernels.bandit import (
    BetaRule,
    beta_chances,
    beta_chances_numpy,
    choose,
    choose_numpy,
    thompson_chances,
    thompson_chances_numpy,
    ucb_chances,
    ucb_chances_numpy,
)
from tests.kernels.bits import assert_same_bits

seeds = st.integers(0, 2**32)
floors = st.sampled_from([0.0, 0.05, 1.0])


def arms(seed, rows=6, count=5):
    """Means, widths and what is allowed; some means are equal, and some rows allow nothing."""
    rng = np.random.default_rng(seed)
    mean = rng.integers(-3, 4, (rows, count)) * 0.25
    width = rng.choice([0.0, 1e-4, 0.3, 2.0], (rows, count))
    allowed = rng.random((rows, count)) < 0.7
    allowed[0] = False
    return mean, width, allowed


@settings(deadline=None)
@given(seeds, st.sampled_from([0.0, 0.5, 2.0]), floors)
def test_kernels_equal_their_twins(seed, factor, floor):
    assert np.allclose(
        ucb_chances(*arms(seed), factor, floor), ucb_chances_numpy(*arms(seed), factor, floor), atol=1e-15
    )
    mean, width, allowed = arms(seed)
    mean = mean + 1e-3 * np.random.default_rng(seed).standard_normal(mean.shape)
    ours = thompson_chances(mean, width, allowed, factor, floor)
    assert np.allclose(ours, thompson_chances_numpy(mean, width, allowed, factor, floor), atol=1e-9)


@settings(deadline=None)
@given(seeds, st.sampled_from([0.0, 0.5, 2.0]), floors)
def test_chances_add_up_and_none_of_what_is_allowed_is_below_its_share_of_the_floor(seed, factor, floor):
    mean, width, allowed = arms(seed)
    for chances in (
        ucb_chances(mean, width, allowed, factor, floor),
        thompson_chances(mean, width, allowed, factor, floor),
    ):
        some = allowed.any(axis=1)
        assert np.allclose(chances.sum(axis=1), some)
        assert (chances[~allowed] == 0).all()
        least = floor / np.maximum(1, allowed.sum(axis=1, keepdims=True))
        assert (chances >= np.where(allowed, least, 0) - 1e-12).all()


@settings(deadline=None, max_examples=30)
@given(seeds)
def test_doubt_makes_linucb_choose_what_greed_does_not(seed):
    mean, width, allowed = arms(seed, count=4)
    greedy = ucb_chances(mean, width, allowed, 0.0, 0.0) > 0
    hopeful = ucb_chances(mean, width, allowed, 1e9, 0.0) > 0
    for n in range(1, len(mean)):
        if allowed[n].any():
            assert mean[n][greedy[n]].min() == mean[n][allowed[n]].max()
            assert width[n][hopeful[n]].min() == width[n][allowed[n]].max()


@settings(deadline=None, max_examples=15)
@given(seeds)
def test_thompson_chances_are_those_of_draws(seed):
    rng = np.random.default_rng(seed)
    mean, width = rng.standard_normal((1, 5)), rng.choice([0.05, 0.5, 2.0], (1, 5))
    drawn = (mean + 0.7 * width * rng.standard_normal((40_000, 5))).argmax(axis=1)
    chances = thompson_chances(mean, width, np.ones((1, 5), bool), 0.7, 0.0)
    assert np.allclose(chances, np.bincount(drawn, minlength=5) / len(drawn), atol=0.02)


@settings(deadline=None)
@given(st.floats(-3, 3), st.floats(0.01, 3), st.floats(0.01, 3))
def test_thompson_chances_of_two_arms_are_known_in_closed_form(ahead, one, other):
    chances = thompson_chances(np.array([[ahead, 0.0]]), np.array([[one, other]]), np.ones((1, 2), bool), 1.0, 0.0)
    assert chances[0, 0] == pytest.approx(ndtr(ahead / np.hypot(one, other)), abs=0.01)


@settings(deadline=None)
@given(seeds)
def test_choices_equal_their_twin_and_follow_the_chances(seed):
    rng = np.random.default_rng(seed)
    chances = rng.random((50, 4)) * (rng.random((50, 4)) < 0.6)
    uniform = rng.random(50)
    chosen = choose(chances, uniform)
    assert_same_bits(chosen, choose_numpy(chances, uniform))
    some = chances.any(axis=1)
    assert (chosen[~some] == -1).all()
    assert (chances[some, chosen[some]] > 0).all()


def test_an_arm_is_chosen_as_often_as_its_chance_says():
    chances = np.tile([0.2, 0.0, 0.5, 0.3], (50_000, 1))
    chosen = choose(chances, np.random.default_rng(0).random(50_000))
    assert np.allclose(np.bincount(chosen, minlength=4) / 50_000, chances[0], atol=0.01)


@settings(deadline=None, max_examples=50)
@given(seeds, st.integers(0, 8), st.sampled_from([1, 40]), st.sampled_from([1.0, 4.0]), floors)
def test_posts_equal_their_twin(seed, posts, rounds, sharpness, floor):
    rng = np.random.default_rng(seed)
    shown = rng.integers(0, 50, posts).astype(float)
    good = np.floor(shown * rng.random(posts))
    ours, twin = (
        of(good, shown, BetaRule(1.0, 9.0, sharpness, rounds, floor), np.random.default_rng(seed))
        for of in (beta_chances, beta_chances_numpy)
    )
    assert_same_bits(ours, twin)
    assert ours.sum() == pytest.approx(1.0 if posts else 0.0)
    assert (ours >= floor / max(1, posts) - 1e-12).all()


def test_posts_that_did_well_and_posts_nobody_knows_come_before_those_that_did_not():
    good, shown = np.array([30.0, 0.0, 2.0]), np.array([100.0, 0.0, 100.0])
    mild, sharp = (
        beta_chances(good, shown, BetaRule(2.0, 8.0, sharpness, 4_000, 0.0), np.random.default_rng(0))
        for sharpness in (1.0, 4.0)
    )
    assert mild[0] > mild[1] > 10 * mild[2]
    assert sharp[0] > mild[0]


def test_successes_that_are_told_before_their_impressions_do_no_harm():
    rule = BetaRule(1.0, 9.0, 1.0, 10, 0.1)
    chances = beta_chances(np.array([3.0, 0.0]), np.zeros(2), rule, np.random.default_rng(0))
    assert np.isfinite(chances).all()
    assert chances.sum() == pytest.approx(1.0)
