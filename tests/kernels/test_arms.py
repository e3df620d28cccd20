import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.arms import estimate, estimate_numpy, learn, learn_numpy, linear_arms

seeds = st.integers(0, 2**32)


def rows(seed, count, arms, dims, scale=1.0):
    rng = np.random.default_rng(seed)
    x = scale * rng.standard_normal((count, dims))
    return rng.integers(-1, arms, count), x, rng.random(count)


@settings(deadline=None, max_examples=50)
@given(seeds, st.integers(0, 60), st.integers(1, 4), st.integers(1, 6), st.sampled_from([0.01, 1.0, 100.0]))
def test_kernels_equal_their_twins(seed, count, arms, dims, scale):
    ours, twin = linear_arms(arms, dims), linear_arms(arms, dims)
    data = rows(seed, count, arms, dims, scale)
    learn(ours, *data)
    learn_numpy(twin, *data)
    assert np.array_equal(ours.rows, twin.rows)
    assert np.allclose(ours.response, twin.response, rtol=1e-9, atol=1e-9)
    assert np.allclose(ours.factor, twin.factor, rtol=1e-7, atol=1e-7)
    x = rows(seed + 1, 5, arms, dims)[1]
    for mine, other in zip(estimate(ours, x), estimate_numpy(ours, x), strict=True):
        assert np.allclose(mine, other, rtol=1e-6, atol=1e-7)


@settings(deadline=None, max_examples=30)
@given(seeds, st.permutations(range(20)))
def test_the_order_of_rows_does_not_matter(seed, order):
    arm, x, reward = rows(seed, 20, 3, 4)
    one, other = linear_arms(3, 4), linear_arms(3, 4)
    learn(one, arm, x, reward)
    learn(other, arm[order], x[order], reward[order])
    assert np.allclose(one.factor, other.factor)
    assert np.allclose(one.response, other.response)


@settings(deadline=None, max_examples=30)
@given(seeds)
def test_every_row_leaves_less_to_doubt(seed):
    arm, x, reward = rows(seed, 30, 2, 3)
    arms, probe = linear_arms(2, 3), rows(seed + 1, 10, 2, 3)[1]
    before = estimate(arms, probe)[1]
    assert np.allclose(before, np.linalg.norm(probe, axis=1, keepdims=True))
    learn(arms, arm, x, reward)
    assert (estimate(arms, probe)[1] <= before + 1e-12).all()


def test_a_linear_reward_is_found():
    rng = np.random.default_rng(0)
    truth = rng.standard_normal((3, 4))
    arms, x = linear_arms(3, 4), rng.standard_normal((9_000, 4))
    arm = rng.integers(0, 3, len(x))
    learn(arms, arm, x, np.einsum("nd,nd->n", truth[arm], x) + rng.standard_normal(len(x)))
    mean, width = estimate(arms, x[:200])
    assert np.allclose(mean, x[:200] @ truth.T, atol=0.2)
    error = (mean - x[:200] @ truth.T) / width
    assert 0.5 < error.std() < 1.5


def test_the_factor_stays_one_after_many_rows_of_one_direction():
    arms = linear_arms(1, 3, ridge=1e-6)
    x = np.tile([1e4, 1e4 + 1e-3, -1e4], (100_000, 1))
    learn(arms, np.zeros(len(x), np.int64), x, np.ones(len(x)))
    mean, width = estimate(arms, x[:1])
    assert np.isfinite(arms.factor).all()
    assert (np.diagonal(arms.factor[0]) > 0).all()
    assert mean[0, 0] == pytest.approx(1.0, abs=1e-6)
    assert width[0, 0] == pytest.approx(100_000**-0.5, rel=1e-6)


def test_what_does_not_fit_is_refused():
    arms = linear_arms(2, 3)
    with pytest.raises(ValueError, match="must be"):
        learn(arms, np.zeros(2, np.int64), np.ones((2, 4)), np.ones(2))
    with pytest.raises(ValueError, match="no such arm"):
        learn(arms, np.array([2]), np.ones((1, 3)), np.ones(1))
    with pytest.raises(ValueError, match="must be"):
        estimate(arms, np.ones((2, 4)))
