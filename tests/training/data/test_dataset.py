"""The canonical data-set folder: order, coverage, null columns, ranges, fingerprints, atomicity."""

from pathlib import Path

import pyarrow as pa
import pytest

from cluster.errors import CascadeError, InvalidField
from training.data.dataset import DataSet, write_dataset
from training.data.schema import TABLES

IMPRESSIONS = pa.table(
    {
        "user_id": [2, 1, 2],
        "post_id": [5, 4, 4],
        "time_ms": [3_000, 1_000, 2_000],
        "like": [True, None, False],
        "save": pa.nulls(3, pa.bool_()),
    }
)
POSTS = pa.table({"post_id": [5, 4], "author_id": [1, 9], "created_ms": [10, 20], "topic": ["a", None]})
USERS = pa.table({"user_id": [2, 1]})
TABLES_GIVEN = {"impressions": IMPRESSIONS, "posts": POSTS, "users": USERS}


def write(folder: Path, **changes: object) -> DataSet:
    return write_dataset(folder, "tiny", TABLES_GIVEN | changes, 480, {"kind": "test"})


def test_reopened_it_is_the_same_and_sorted(tmp_path: Path) -> None:
    written = write(tmp_path / "tiny")
    opened = DataSet.open(tmp_path / "tiny")
    assert opened == written
    assert opened.manifest.rows == {"posts": 2, "users": 2, "impressions": 3}
    assert (opened.manifest.start_ms, opened.manifest.end_ms) == (1_000, 3_001)
    assert opened.read("impressions")["time_ms"].to_pylist() == [1_000, 2_000, 3_000]
    assert opened.read("impressions")["like"].to_pylist() == [None, False, True]
    assert opened.read("posts")["post_id"].to_pylist() == [4, 5]
    assert opened.read("users")["user_id"].to_pylist() == [1, 2]


def test_coverage_counts_non_null_rows_and_absent_columns(tmp_path: Path) -> None:
    data = write(tmp_path / "tiny")
    coverage = data.manifest.coverage
    assert set(coverage) == {f"{t.name}.{c.name}" for t in TABLES.values() for c in t.columns}
    assert coverage["impressions.like"] == pytest.approx(2 / 3)
    assert coverage["posts.topic"] == 0.5
    assert coverage["impressions.save"] == coverage["impressions.watch_ms"] == coverage["follows.user_id"] == 0.0
    assert data.has("impressions", "like")
    assert not data.has("impressions", "save")
    assert not data.has("follows")


def test_a_column_of_nulls_is_left_out_and_reads_as_nulls_when_named(tmp_path: Path) -> None:
    data = write(tmp_path / "tiny")
    assert "save" not in data.read("impressions").column_names
    rows = data.read("impressions", ["save", "user_id"])
    assert rows.schema.names == ["save", "user_id"]
    assert rows.schema.field("save").type == pa.bool_()
    assert rows["save"].null_count == 3


def test_a_time_range_is_half_open(tmp_path: Path) -> None:
    data = write(tmp_path / "tiny")
    assert data.read("impressions", ["time_ms"], 1_000, 3_000)["time_ms"].to_pylist() == [1_000, 2_000]
    assert data.read("impressions", ["post_id"], start_ms=2_001)["post_id"].to_pylist() == [5]
    assert data.read("impressions", end_ms=1_000).num_rows == 0
    with pytest.raises(InvalidField, match="users"):
        data.read("users", start_ms=1)


def test_an_absent_optional_table_reads_as_empty(tmp_path: Path) -> None:
    data = write(tmp_path / "tiny")
    assert data.read("follows").schema == TABLES["follows"].arrow
    assert data.read("follows", ["kind"]).num_rows == 0


def test_unknown_tables_and_columns_are_named(tmp_path: Path) -> None:
    data = write(tmp_path / "tiny")
    with pytest.raises(InvalidField, match="nonsense"):
        data.read("nonsense")
    with pytest.raises(InvalidField, match="upvote"):
        data.read("impressions", ["upvote"])


def test_the_fingerprint_follows_the_contents(tmp_path: Path) -> None:
    first = write(tmp_path / "a").manifest.fingerprint
    assert write(tmp_path / "b").manifest.fingerprint == first
    other = IMPRESSIONS.set_column(3, "like", pa.array([True, None, True]))
    assert write(tmp_path / "c", impressions=other).manifest.fingerprint != first


def test_batches_are_written_as_they_come(tmp_path: Path) -> None:
    ordered = IMPRESSIONS.sort_by("time_ms")
    data = write(tmp_path / "tiny", impressions=iter([ordered.slice(0, 1), ordered.slice(1)]))
    assert data.read("impressions", ["time_ms"])["time_ms"].to_pylist() == [1_000, 2_000, 3_000]
    assert data.manifest.coverage["impressions.like"] == pytest.approx(2 / 3)
    with pytest.raises(ValueError, match="time order"):
        write(tmp_path / "other", impressions=iter([ordered.slice(1), ordered.slice(0, 1)]))


def test_a_failed_write_leaves_the_old_data_set(tmp_path: Path) -> None:
    old = write(tmp_path / "tiny")

    def fail(folder: Path) -> None:
        raise RuntimeError("disk full")

    with pytest.raises(RuntimeError, match="disk full"):
        write_dataset(tmp_path / "tiny", "new", TABLES_GIVEN, 0, {}, fail)
    assert DataSet.open(tmp_path / "tiny") == old
    assert [path.name for path in tmp_path.iterdir()] == ["tiny"]


def test_extra_files_come_along(tmp_path: Path) -> None:
    write_dataset(tmp_path / "t", "t", TABLES_GIVEN, 0, {}, lambda folder: (folder / "x").write_text("y"))  # type: ignore[arg-type,return-value]
    assert (tmp_path / "t" / "x").read_text() == "y"


def test_a_foreign_folder_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(CascadeError, match="not a data set"):
        write(tmp_path / "mine")
    assert (tmp_path / "mine" / "letter.txt").read_text() == "dear"


def test_opening_what_is_no_data_set_says_so(tmp_path: Path) -> None:
    with pytest.raises(CascadeError, match="not a data set"):
        DataSet.open(tmp_path)
    (tmp_path / "dataset.json").write_text('{"name": 3}')
    with pytest.raises(CascadeError, match="damaged"):
        DataSet.open(tmp_path)


def test_a_data_set_without_impressions_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CascadeError, match="needs impressions"):
        write(tmp_path / "tiny", impressions=IMPRESSIONS.slice(0, 0))
    assert not (tmp_path / "tiny").exists()


def test_the_day_of_a_row_is_the_logs_own_or_the_local_day_of_its_time(tmp_path: Path) -> None:
    data = write(tmp_path / "tiny")  # UTC+8
    late = 1_650_816_000_000 - 1  # 24 April 2022 23:59:59.999 there
    rows = pa.table({"time_ms": [late, late + 1]})
    assert data.dates(rows).tolist() == [20220424, 20220425]
    named = rows.append_column("date", pa.array([20220425, None], pa.int32()))
    assert data.dates(named).tolist() == [20220425, 20220425]


def test_naming_only_absent_columns_still_gives_every_row(tmp_path: Path) -> None:
    assert write(tmp_path / "tiny").read("impressions", ["save"]).num_rows == 3
