import numpy as np

from deployments.catalogue.growable import SPARE, Growable
from deployments.catalogue.live_posts import LivePosts
from tests.deployments.queries import post_table


def test_a_column_keeps_its_rows_while_it_grows():
    start = np.arange(6, dtype=np.float32).reshape(3, 2)
    column = Growable(start)
    first = column.view
    for _ in range(40):
        column.extend(SPARE // 8)
        column.view[-1] = 7
    assert len(column) == len(column.view) == 3 + 40 * (SPARE // 8)
    np.testing.assert_array_equal(column.view[:3], start)
    np.testing.assert_array_equal(first, start)
    assert column.view[-1].tolist() == [7, 7]
    assert column.view[-2].tolist() == [0, 0]
    column.view[0] = 9
    assert start[0].tolist() == [0, 1], "what it started from is not written to"


def test_a_table_grows_in_every_column_and_old_tables_stay():
    before = post_table(20)
    live = LivePosts(before)
    old = live.table
    assert live.add_authors(np.array([50, 250])).tolist() == [3, 4]
    assert live.add_posts(np.array([1, 5000, 1500])).tolist() == [20, 21, 22]
    table = live.table
    assert table.post_rows(np.array([1000, 1019, 1, 5000, 1500, 2])).tolist() == [0, 19, 20, 21, 22, -1]
    assert table.author_rows(np.array([100, 300, 50, 250, 7])).tolist() == [0, 2, 3, 4, -1]
    for name, column in table.columns._asdict().items():
        was = getattr(before.columns, name)
        np.testing.assert_array_equal(column[: len(was)], was)
        assert len(column) - len(was) == (0 if name == "prior" else 2 if name.startswith("author_") else 3), name
        assert not column[len(was) :].any()
        assert (column.dtype, column.flags.c_contiguous, column.flags.writeable) == (was.dtype, True, True)
    assert (len(old), len(table)) == (20, 23)
    assert old.post_rows(np.array([5000])).tolist() == [-1]
