import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cluster.post_table import PostTable, rows_of
from tests.kernels.columns import random_posts


@given(st.lists(st.integers(-(2**63), 2**63 - 1)), st.sets(st.integers(-(2**63), 2**63 - 1)))
def test_rows_of_finds_exactly_what_is_there(ids, known):
    known = sorted(known)
    rows = rows_of(np.array(ids, np.int64), np.array(known, np.int64))
    assert rows.tolist() == [known.index(i) if i in known else -1 for i in ids]


def test_a_saved_table_loads_as_it_was(tmp_path):
    table = PostTable(np.array([5, 7, 9]), np.array([1, 2]), random_posts(np.random.default_rng(0), 3, 2))
    table.save(tmp_path / "posts")
    loaded = PostTable.load(tmp_path / "posts")
    assert len(loaded) == 3
    for name, column in table.columns._asdict().items():
        np.testing.assert_array_equal(getattr(loaded.columns, name), column)
        assert not getattr(loaded.columns, name).flags.writeable, "shared between replicas"
