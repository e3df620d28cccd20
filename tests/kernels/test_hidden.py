import numpy as np
import pytest

from kernels.hidden import finish_hidden, finish_hidden_numpy


@pytest.mark.parametrize(("candidates", "codes"), [(0, 2), (1, 0), (40, 1), (40, 3)])
def test_the_kernel_and_its_twin_agree(candidates, codes):
    rng = np.random.default_rng(candidates + codes)
    hidden, posts, table = (rng.normal(size=(rows, 33)).astype(np.float32) for rows in (candidates, 7, 5))
    hidden[:, 3] = np.nan
    shared, request = rng.normal(size=(3, 33)).astype(np.float32), rng.integers(0, 3, candidates)
    rows, coded = rng.integers(0, 7, candidates), rng.integers(0, 5, (candidates, codes))
    ours, twin = hidden.copy(), hidden.copy()
    finish_hidden(ours, posts, rows, shared, request, table, coded)
    finish_hidden_numpy(twin, posts, rows, shared, request, table, coded)
    np.testing.assert_array_equal(ours, twin)
    assert not (ours < 0).any()
