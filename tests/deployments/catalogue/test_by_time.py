import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from deployments.catalogue.by_time import SHORT, ByTime

TIMES = st.lists(st.integers(0, 50), max_size=80)


def everything(rows, times):
    return np.ones(len(rows), np.bool_)


SMALL = st.integers(0, 50)


@given(TIMES, st.lists(TIMES, max_size=3), SMALL, SMALL, st.integers(1, 30), st.integers(1, 4))
def test_newest_is_what_a_sort_of_everything_gives(first, later, after, until, limit, divisor):
    index, times = ByTime(np.array(first, np.int64)), list(first)
    for part in later:
        index.add(np.arange(len(times), len(times) + len(part), dtype=np.int32), np.array(part, np.int64))
        times += part
    found = index.newest(after, until, limit, lambda rows, _: rows % divisor == 0).tolist()
    expected = [row for row in range(len(times)) if after <= times[row] <= until and row % divisor == 0]
    expected.sort(key=lambda row: -times[row])
    assert [times[row] for row in found] == [times[row] for row in expected[:limit]]
    assert set(found) <= set(expected)
    assert len(set(found)) == len(found)


def test_a_post_under_two_times_is_found_under_the_one_that_counts():
    index = ByTime(np.array([1, 2, 3], np.int64))
    index.add(np.array([0], np.int32), np.array([9]))
    times = np.array([9, 2, 3])
    assert index.newest(0, 10, 5, lambda rows, at: times[rows] == at).tolist() == [0, 2, 1]


def test_the_short_segment_is_merged_and_nothing_is_lost():
    rng = np.random.default_rng(0)
    times = rng.permutation(SHORT * 3).astype(np.int64)
    index = ByTime(times[:100])
    for begin in range(100, len(times), 500):
        part = times[begin : begin + 500]
        index.add(np.arange(begin, begin + len(part), dtype=np.int32), part)
    found = index.newest(0, SHORT * 3, SHORT * 3, everything)
    np.testing.assert_array_equal(found, np.argsort(-times))
