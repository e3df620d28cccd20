import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.arrivals import poisson


@settings(deadline=None)
@given(st.floats(0, 500), st.floats(0, 5), st.floats(0, 5), st.integers(0, 2**32))
def test_arrivals_are_ascending_in_the_interval_and_as_many_as_the_rate_says(rate, start, length, seed):
    times = poisson(rate, start, start + length, np.random.default_rng(seed))
    assert len(times) == round(rate * (start + length - start))
    assert np.all(np.diff(times) >= 0)
    assert np.all((times >= start) & (times <= start + length))


def test_the_same_seed_gives_the_same_arrivals():
    first, again, other = (poisson(100, 0, 10, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_gaps_are_exponential():
    gaps = np.diff(poisson(1000, 0, 100, np.random.default_rng(0)))
    assert np.isclose(gaps.mean(), 1e-3, rtol=0.01)
    assert np.isclose(gaps.std(), 1e-3, rtol=0.02)
    # P(gap > t) = exp(-rate * t)
    for t in (0.5e-3, 1e-3, 3e-3):
        assert np.isclose((gaps > t).mean(), np.exp(-1000 * t), rtol=0.05)
