"""What is carried over from an earlier day."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.training.features.worlds import small_dataset, tables
from training.features.log import Log
from training.train.warm_start import Earlier, carried_over, earlier_work, note_rows


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log.load(small_dataset(tmp_path / "data"))


def _finish(work: Path, log: Log) -> Path:
    note_rows(work, log)
    (work / "ranker").mkdir()
    (work / "ranker" / "metrics.json").write_text('{"fingerprint": "abc"}')
    return work / "ranker"


def test_the_newest_finished_work_of_an_earlier_day_is_found_with_its_rows(log: Log, tmp_path: Path) -> None:
    works, everything = tmp_path / "work", tables()
    today = works / "small-today"
    assert earlier_work(today, "ranker", log) is None
    # Before the first user and the last post were there.
    known = {
        "users": everything["users"].slice(1),
        "posts": everything["posts"].slice(0, 29),
        "impressions": everything["impressions"].filter(
            (np.asarray(everything["impressions"]["user_id"]) != 100)
            & (np.asarray(everything["impressions"]["post_id"]) != 1029)
        ),
        "follows": everything["follows"].slice(0, 0),
    }
    before = small_dataset(tmp_path / "before", **known)
    folders = {
        date: _finish(works / f"small-{date}", Log.load(before, date)) for date in (20231120, 20231122, 20231121)
    }
    _finish(today, log)
    _finish(works / "large-20231125", Log.load(before, 20231125))
    _finish(works / "small-world-20231125", Log.load(before, 20231125))  # another data set's name may begin alike
    note_rows(works / "small-unfinished", Log.load(before, 20231125))
    found = earlier_work(today, "ranker", log)
    assert found is not None
    assert (found.folder, found.fingerprint, found.date) == (folders[20231122], "abc", 20231122)
    assert found.users.tolist() == [-1, *range(11)]
    assert found.posts.tolist() == [*range(29), -1]
    assert earlier_work(today, "two_tower", log) is None


def test_work_with_other_codes_is_of_no_use(log: Log, tmp_path: Path) -> None:
    posts = tables()["posts"]
    other = posts.set_column(posts.column_names.index("topic"), "topic", [["dogs"] * posts.num_rows])
    _finish(tmp_path / "work" / "small-a", Log.load(small_dataset(tmp_path / "other", posts=other), 20231120))
    assert earlier_work(tmp_path / "work" / "small-b", "ranker", log) is None


def test_rows_follow_their_ids_and_new_ones_begin_as_unknown() -> None:
    earlier = Earlier(Path(), "abc", 20231120, users=np.array([1, -1, 0], np.int32), posts=np.array([0], np.int32))
    old = {
        "user.weight": np.array([[9.0], [0.0], [1.0]], np.float32),  # unknown, and two users
        "post.weight": np.array([[8.0], [5.0]], np.float32),
        "trunk.weight": np.ones((2, 2), np.float32),
        "from_codes.weight": np.ones((3, 2), np.float32),
        "gone": np.ones(1, np.float32),
    }
    fresh = {
        "user.weight": torch.zeros(4, 1),
        "post.weight": torch.zeros(2, 1),
        "trunk.weight": torch.zeros(2, 2),
        "from_codes.weight": torch.zeros(4, 2),
        "new": torch.zeros(1),
    }
    carried = carried_over(fresh, old, earlier)
    assert {name: weight.flatten().tolist() for name, weight in carried.items()} == {
        "user.weight": [9, 1, 9, 0],
        "post.weight": [8, 5],
        "trunk.weight": [1, 1, 1, 1],
    }
