import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from deployments.filters.membership import not_among

IDS = st.lists(st.integers(-2, 9), max_size=12)


@given(IDS, IDS)
def test_says_of_each_whether_it_is_none_of_the_others(values, others):
    mask = not_among(np.array(values, np.int32), np.array(others, np.int64))
    assert mask.tolist() == [value not in others for value in values]
