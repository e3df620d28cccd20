import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.topk import top_k, top_k_numpy
from tests.kernels.bits import assert_same_bits, floats


def f32(*values):
    return np.array(values, np.float32)


@settings(deadline=None)
@given(st.lists(floats, max_size=80), st.integers(-3, 100))
def test_kernel_equals_its_twin(scores, k):
    assert_same_bits(top_k(f32(*scores), k), top_k_numpy(f32(*scores), k))


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32), st.integers(0, 3000), st.integers(0, 3000), st.sampled_from([1, 3, 1000, 10**7]))
def test_kernel_equals_its_twin_on_many_scores_with_ties(seed, count, k, levels):
    rng = np.random.default_rng(seed)
    scores = (rng.integers(-levels, levels + 1, count) / levels).astype(np.float32)
    assert_same_bits(top_k(scores, k), top_k_numpy(scores, k))


@settings(deadline=None)
@given(st.lists(floats, max_size=60), st.integers(0, 60))
def test_nothing_left_out_is_better_than_what_was_kept(scores, k):
    scores = f32(*scores)
    kept = top_k(scores, k)
    left_out = np.delete(scores, kept)
    assert len(np.unique(kept)) == len(kept) == min(k, len(scores))
    if len(kept) and len(left_out) and not np.isnan(left_out).all():
        assert not np.isnan(scores[kept]).any()
        assert scores[kept].min() >= np.nanmax(left_out)


def test_top_k_does_not_keep_nan_over_finite_candidate():
    assert top_k(f32(np.nan, 1, np.nan, 2), 2).tolist() == [3, 1]
    assert top_k(f32(np.nan, 1, np.nan, 2), 4).tolist() == [3, 1, 0, 2]


def test_nan_of_either_sign_comes_after_minus_infinity():
    negative_nan = np.array([0xFFC00000], np.uint32).view(np.float32)[0]
    assert top_k(f32(negative_nan, np.nan, -np.inf), 3).tolist() == [2, 0, 1]


def test_equal_scores_keep_their_order_of_position():
    assert top_k(f32(1, 2, 1, 2, 1), 4).tolist() == [1, 3, 0, 2]
    assert top_k(f32(-0.0, 0.0, -0.0), 3).tolist() == [0, 1, 2]


@pytest.mark.parametrize("k", [-5, 0])
def test_no_position_for_k_of_zero_or_less(k):
    assert top_k(f32(1, 2), k).tolist() == []


def test_all_positions_when_k_is_beyond_the_scores():
    assert top_k(f32(1, 3, 2), 10).tolist() == [1, 2, 0]
    assert top_k(f32(), 10).tolist() == []


def test_the_scores_are_left_as_they_were():
    scores = f32(3, np.nan, -0.0)
    before = scores.tobytes()
    top_k(scores, 2)
    assert scores.tobytes() == before
