import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.inputs import LIMIT, InputColumns, encode_inputs
from training.models.inputs import encoded, standardised

ODD = np.array([0, -0.0, 1e30, -1e30, np.inf, -np.inf, np.nan, 1e-30], np.float32)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32), st.integers(0, 20), st.integers(0, 12), st.integers(0, 4), st.integers(0, 3))
def test_the_kernel_and_its_twins_agree(seed, candidates, numbers, codes, spare):
    rng = np.random.default_rng(seed)
    x = (rng.normal(size=(candidates, 16)) * 10.0 ** rng.integers(-3, 6)).astype(np.float32)
    x[rng.random(x.shape) < 0.2] = rng.choice(ODD)
    coded = rng.permutation(16)[:codes]
    x[:, coded] = rng.integers(-2, 9, (candidates, codes))
    sizes = rng.integers(1, 8, codes)
    columns = InputColumns(
        rng.permutation(16)[:numbers],
        *rng.normal(size=(2, numbers)).astype(np.float32),
        coded,
        np.cumsum(sizes) - sizes,
        sizes,
    )
    found = np.full((candidates, numbers + spare), 7, np.float32)
    found_codes = np.zeros((candidates, codes), np.int64)
    encode_inputs(x, columns, found, found_codes)
    np.testing.assert_array_equal(found_codes, encoded(x, columns))
    np.testing.assert_allclose(found[:, :numbers], standardised(x, columns), rtol=1e-6, atol=1e-6)
    assert not (np.abs(found[:, :numbers]) > LIMIT).any()
    assert (found[:, numbers:] == 7).all(), "what comes behind the numbers is left alone"
