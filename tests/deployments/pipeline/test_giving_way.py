import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from deployments.pipeline.giving_way import give_way

MASKS = st.tuples(st.integers(0, 5), st.integers(0, 12)).flatmap(lambda shape: arrays(np.bool_, shape))


@st.composite
def cases(draw):
    passed, limit = draw(MASKS), draw(st.integers(1, 14))
    return passed, [draw(st.sampled_from([1, limit])) for _ in passed], limit


def test_the_first_filter_gives_way_first_and_only_as_far_as_needed():
    passed = np.array([[1, 0, 0, 1, 1], [1, 1, 1, 0, 1]], bool)
    assert give_way(passed, [2, 2], 2).tolist() == [True, False, False, False, True]
    assert give_way(passed, [3, 3], 3).tolist() == [True, True, False, False, True]
    assert give_way(passed, [5, 5], 5).tolist() == [True] * 5


def test_a_filter_that_wants_one_stands_while_one_is_left():
    assert give_way(np.array([[0, 0, 1]], bool), [1], 3).tolist() == [False, False, True]
    assert give_way(np.array([[0, 0, 0]], bool), [1], 2).tolist() == [True, True, False]


@settings(deadline=None)
@given(cases())
def test_nothing_that_passes_is_lost_and_no_more_comes_back_than_is_missing(case):
    passed, wanted, limit = case
    kept, all_passed = give_way(passed, wanted, limit), passed.all(axis=0)
    assert (kept >= all_passed).all()
    assert kept.sum() <= max(limit, all_passed.sum())
    assert (kept.sum() > 0) == (passed.shape[1] > 0), "a feed is empty only where there is nothing"
    if all(want == limit for want in wanted):
        assert kept.sum() >= min(limit, passed.shape[1])


@settings(deadline=None)
@given(MASKS, st.integers(1, 14))
def test_the_last_filter_gives_way_only_where_all_others_bring_too_few(passed, limit):
    kept = give_way(passed, [limit] * len(passed), limit)
    if len(passed) and (kept & ~passed[-1]).any():
        assert passed[-1].sum() < limit
