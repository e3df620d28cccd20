import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cluster.id_index import SHORT, IdIndex


def index_of(first: list[int], later: list[list[int]]) -> IdIndex:
    index, row = IdIndex(np.array(sorted(first), np.int64)), len(first)
    for ids in later:
        index = index.adding(np.array(ids, np.int64), np.arange(row, row + len(ids), dtype=np.int32))
        row += len(ids)
    return index


@given(st.lists(st.integers(0, 2**63 - 1), unique=True, max_size=60), st.data())
def test_ids_are_found_in_whatever_order_they_came(ids, data):
    cuts = sorted(data.draw(st.lists(st.integers(0, len(ids)), max_size=4)))
    parts = [ids[a:b] for a, b in zip([0, *cuts], [*cuts, len(ids)], strict=True)]
    index = index_of(parts[0], parts[1:])
    arrived = [*sorted(parts[0]), *ids[len(parts[0]) :]]
    asked = np.array([*arrived, 2**63 - 1, 0], np.int64)
    expected = [arrived.index(i) if i in arrived else -1 for i in asked.tolist()]
    assert index.rows_of(asked).tolist() == expected
    assert index.rows_of(asked).dtype == np.int32


def test_many_additions_stay_findable_and_older_indexes_as_they_were():
    rng = np.random.default_rng(0)
    ids = rng.permutation(SHORT * 3).astype(np.int64)
    index, first = IdIndex(np.zeros(0, np.int64)), None
    for begin in range(0, len(ids), 512):
        part = ids[begin : begin + 512]
        index = index.adding(part, np.arange(begin, begin + len(part), dtype=np.int32))
        first = first or index
    np.testing.assert_array_equal(index.rows_of(ids), np.arange(len(ids)))
    assert (first.rows_of(ids) >= 0).sum() == 512
