import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from kernels.utility import utility, utility_numpy
from tests.kernels.bits import assert_same_bits, floats


def total(heads, weights):
    out = np.full(len(heads), np.nan, np.float32)
    utility(np.array(heads, np.float32), np.array(weights, np.float32), out)
    return out.tolist()


@settings(deadline=None)
@given(st.data(), st.integers(0, 20), st.integers(0, 12))
def test_kernel_equals_its_twin(data, candidates, heads):
    x = data.draw(hnp.arrays(np.float32, (candidates, heads), elements=floats))
    weights = data.draw(hnp.arrays(np.float32, heads, elements=floats))
    ours, twin = np.full((2, candidates), np.nan, np.float32)
    utility(x, weights, ours)
    utility_numpy(x, weights, twin)
    assert_same_bits(ours, twin)


@settings(deadline=None)
@given(hnp.arrays(np.float32, (7, 5), elements=st.floats(0, 1, width=32)))
def test_close_to_the_exact_sum(heads):
    weights = np.array([1, 2, 3, -20, 0.125], np.float32)
    assert total(heads, weights) == pytest.approx((heads.astype(float) @ weights).tolist(), abs=1e-5)


def test_a_head_that_is_nan_counts_as_zero():
    assert total([[np.nan, 2.0], [np.nan, np.nan]], [5.0, 3.0]) == [6.0, 0.0]


def test_zero_times_infinity_counts_as_zero():
    assert total([[np.inf, 1.0]], [0.0, 2.0]) == [2.0]


def test_infinities_pass_and_opposite_ones_give_nan():
    assert total([[np.inf, 1.0], [-np.inf, 1.0]], [1.0, 1.0]) == [np.inf, -np.inf]
    assert np.isnan(total([[np.inf, -np.inf]], [1.0, 1.0]))


def test_no_head_is_no_utility():
    assert total(np.empty((3, 0)), []) == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("add", [utility, utility_numpy])
@pytest.mark.parametrize(("weights", "out"), [(3, 4), (2, 5)])
def test_shapes_that_do_not_fit_are_refused(add, weights, out):
    with pytest.raises(ValueError, match="weights"):
        add(np.zeros((4, 2), np.float32), np.zeros(weights, np.float32), np.zeros(out, np.float32))
