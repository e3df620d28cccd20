"""What travels between the stages of the composition."""

import numpy as np
import pytest

from benchmarks.contenders.stages import as_columns, as_dicts
from deployments.pipeline.candidates import Candidates

HEADS = ("like", "hide")


@pytest.mark.parametrize("later", [False, True])
def test_candidates_come_out_of_dicts_as_they_went_in(later):
    rng = np.random.default_rng(1)
    before = Candidates(
        rows=np.array([5, 3, 9], np.int32),
        sources=np.array([1, 6, 2**31], np.uint32),
        score=rng.normal(size=3).astype(np.float32),
        x=rng.normal(size=(3, 4)).astype(np.float32) if later else None,
        heads=rng.random((3, 2)).astype(np.float32) if later else None,
        reserved=np.array([False, True, False]) if later else None,
    )
    dicts = as_dicts(before, HEADS)
    assert [candidate["row"] for candidate in dicts] == [5, 3, 9]
    after = as_columns(dicts, before.x, HEADS)
    for name in ("rows", "sources", "score", "x", "heads", "reserved"):
        was, now = getattr(before, name), getattr(after, name)
        assert (was is None) == (now is None)
        if was is not None:
            assert now.dtype == was.dtype
            np.testing.assert_array_equal(now, was)


def test_no_candidates_are_no_columns_of_another_kind():
    assert len(as_columns(as_dicts(as_columns([], None, HEADS), HEADS), None, HEADS)) == 0
