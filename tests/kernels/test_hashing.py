import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels.hashing import hashed, share_of


@given(st.lists(st.integers(-(2**63), 2**63 - 1), max_size=50))
def test_many_ids_are_hashed_as_one_is(ids: list[int]) -> None:
    places = hashed(np.array(ids, np.int64))
    assert places.dtype == np.uint32
    assert [place / 2**32 for place in places.tolist()] == pytest.approx([share_of(id_) for id_ in ids], abs=2**-32)
    assert all(0 <= share_of(id_) < 1 for id_ in ids)


def test_ids_that_follow_one_another_are_spread() -> None:
    counts = np.histogram([share_of(id_) for id_ in range(1000)], 10, (0, 1))[0]
    assert counts.min() > 90
    assert counts.max() < 110
