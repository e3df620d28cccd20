from dataclasses import astuple

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.histogram import percentiles


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(1e-6, 500), min_size=1, max_size=300))
def test_percentiles_are_of_the_sorted_values_to_three_digits(seconds):
    found = percentiles(np.array(seconds))
    ordered = np.sort(np.floor(np.array(seconds) * 1e6)) / 1e3
    for value, share in zip(astuple(found), (0.5, 0.9, 0.99, 0.999, 1.0), strict=True):
        rank = share * len(ordered)
        below, above = ordered[max(0, int(rank) - 1)], ordered[min(len(ordered) - 1, int(rank))]
        assert below * 0.999 - 1e-3 <= value <= above * 1.001 + 1e-3


def test_nothing_has_no_percentiles():
    assert np.all(np.isnan(astuple(percentiles(np.array([])))))


def test_what_is_out_of_range_counts_at_the_bounds():
    found = percentiles(np.array([-1.0, 0.0, 0.0, 1e9]))
    assert found.p50 == 0.001
    assert 599_000 < found.max < 601_000
