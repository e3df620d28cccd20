"""Import of Cascade's own tables: good ones arrive unchanged, and every way to be wrong is named."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from cluster.errors import CascadeError
from kernels.actions import ACTIONS
from kernels.columns import CONTENT_DIM
from training.data.dataset import DataSet
from training.data.importer import import_folder
from training.data.problems import LIMIT

POSTS = {"post_id": [1, 2], "author_id": [7, 8], "created_ms": [100, 200], "kind": ["video", None]}
USERS = {"user_id": [7], "followers": [3]}
IMPRESSIONS = {"user_id": [7, 9, 7], "post_id": [1, 2, 2], "time_ms": [1_000, 2_000, 1_500], "like": [1, 0, None]}


def source(folder: Path, **tables: dict[str, object] | None) -> Path:
    """A folder of Parquet files: two posts, one user, three impressions, changed by `tables`."""
    folder.mkdir(exist_ok=True)
    for name, columns in ({"posts": POSTS, "users": USERS, "impressions": IMPRESSIONS} | tables).items():
        if columns is not None:
            pq.write_table(pa.table(columns), folder / f"{name}.parquet")
    return folder


def errors(src: Path) -> str:
    with pytest.raises(CascadeError, match="cannot be imported") as caught:
        import_folder(src, src.parent / "out")
    assert not (src.parent / "out").exists()
    return str(caught.value)


def test_tables_arrive_sorted_and_an_unknown_user_gets_a_row(tmp_path: Path) -> None:
    data = import_folder(source(tmp_path / "in"), tmp_path / "out")
    assert data.manifest.name == "out"
    assert data.read("impressions")["time_ms"].to_pylist() == [1_000, 1_500, 2_000]
    assert data.read("impressions")["like"].to_pylist() == [True, None, False]
    assert data.read("users").to_pylist() == [{"user_id": 7, "followers": 3}, {"user_id": 9, "followers": None}]


def test_csv_and_parquet_give_the_same_data_set(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((2, CONTENT_DIM)).astype(np.float32)
    posts = POSTS | {"embedding": vectors.tolist(), "has_location": [True, False]}
    parquet = source(tmp_path / "parquet", posts=posts)
    csv = tmp_path / "csv"
    csv.mkdir()
    for name in ("users", "impressions"):
        pa.csv.write_csv(pq.read_table(parquet / f"{name}.parquet"), csv / f"{name}.csv")
    as_text = posts | {"embedding": [str(row) for row in vectors.tolist()], "has_location": ["TRUE", "false"]}
    pa.csv.write_csv(pa.table(as_text), csv / "posts.csv")
    first = import_folder(parquet, tmp_path / "a")
    second = import_folder(csv, tmp_path / "b")
    assert first.manifest.fingerprint == second.manifest.fingerprint
    assert np.array_equal(np.array(second.read("posts")["embedding"].to_pylist(), np.float32), vectors)


def test_repeated_impressions_are_dropped(tmp_path: Path) -> None:
    twice = {name: [*values, values[0]] for name, values in IMPRESSIONS.items()}
    data = import_folder(source(tmp_path / "in", impressions=twice), tmp_path / "out")
    assert data.manifest.rows["impressions"] == 3


def test_every_action_and_optional_table_is_kept(tmp_path: Path) -> None:
    impressions = IMPRESSIONS | {action: [True, False, True] for action in ACTIONS}
    follows = {"user_id": [7, 7], "author_id": [8, 8], "time_ms": [5, 6], "kind": ["follow", "close_friend"]}
    ads = {"post_id": [2], "bid": [0.5], "daily_cap": [3]}
    src = source(tmp_path / "in", impressions=impressions, follows=follows, ads=ads)
    data = import_folder(src, tmp_path / "out")
    assert all(data.manifest.coverage[f"impressions.{action}"] == 1 for action in ACTIONS)
    assert data.read("follows").to_pydict() == follows
    assert data.read("ads").to_pydict() == ads


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ({"users": None}, "the required table users is missing"),
        ({"users": {"name": ["x"]}}, "users.parquet lacks the required column user_id (int64)"),
        ({"users": USERS | {"folowers": [1]}}, "unknown column folowers; did you mean followers?"),
        (
            {"users": {"user_id": [-1]}},
            "users.parquet, row 1, column user_id has value -1: must be a number of at",
        ),
        ({"users": {"user_id": [1.5]}}, "users.parquet, row 1, column user_id has value 1.5: must be an integer"),
        ({"users": {"user_id": [None, 7]}}, "users.parquet, row 1, column user_id has value None: a value is req"),
        (
            {"users": {"user_id": [[7]]}},
            "users.parquet, column user_id has type list<element: int64>: must be int64",
        ),
        ({"users": {"user_id": [7, 9, 7]}}, "users.parquet, row 3, user_id 7 is already in row 1"),
        (
            {"posts": POSTS | {"kind": ["video", "reel"]}},
            "row 2, column kind has value 'reel': allowed are video,",
        ),
        ({"posts": POSTS | {"hashtags": [1, 2**31]}}, "row 2, column hashtags has value 2147483648: must be an"),
        (
            {"impressions": IMPRESSIONS | {"like": [0, 2, 1]}},
            "row 2, column like has value 2: must be true, false",
        ),
        (
            {"impressions": IMPRESSIONS | {"post_id": [1, 3, 1]}},
            "row 2, column post_id has value 3: is not the id",
        ),
        (
            {"ads": {"post_id": [1], "bid": [float("inf")]}},
            "ads.parquet, row 1, column bid has value inf: must be",
        ),
        ({"ads": {"post_id": [4], "bid": [1.0]}}, "ads.parquet, row 1, column post_id has value 4: is not the id"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, tables: dict[str, dict[str, object] | None], message: str) -> None:
    assert message in errors(source(tmp_path / "in", **tables))


@pytest.mark.parametrize(
    "vector",
    [
        [0.0] * (CONTENT_DIM - 1),
        [0.0] * (CONTENT_DIM - 1) + [float("nan")],
        [],
        [None] + [0.0] * (CONTENT_DIM - 1),
    ],
    ids=["short", "nan", "empty", "null"],
)
def test_a_wrong_embedding_is_named_and_a_null_one_is_none(tmp_path: Path, vector: list[float]) -> None:
    text = errors(source(tmp_path / "in", posts=POSTS | {"embedding": [None, vector]}))
    assert "posts.parquet, row 2, column embedding" in text
    assert f"must hold {CONTENT_DIM} finite numbers" in text
    assert "row 1," not in text


def test_csv_values_are_named_by_their_data_row(tmp_path: Path) -> None:
    src = source(tmp_path / "in", users=None)
    (src / "users.csv").write_text("user_id,followers\n7,3\nabc,\n9,1.5\n")
    text = errors(src)
    assert "users.csv, row 2, column user_id has value 'abc': must be an integer of at least 0" in text
    assert "users.csv, row 3, column followers has value '1.5': must be an integer of at least 0" in text


def test_a_csv_row_of_another_length_is_named(tmp_path: Path) -> None:
    src = source(tmp_path / "in", users=None)
    (src / "users.csv").write_text("user_id,followers\n7,3\n9,3,1\n")
    assert "users.csv, row 2 has 3 values: must be 2" in errors(src)


def test_a_file_that_is_no_parquet_is_named(tmp_path: Path) -> None:
    src = source(tmp_path / "in")
    (src / "posts.parquet").write_text("not parquet")
    assert "posts.parquet cannot be read" in errors(src)


def test_stray_and_double_tables_are_named(tmp_path: Path) -> None:
    src = source(tmp_path / "in")
    (src / "posts.csv").write_text("post_id\n1\n")
    (src / "folows.csv").write_text("user_id\n1\n")
    text = errors(src)
    assert "posts.csv is there as posts.parquet too" in text
    assert "folows.csv is not a table of the schema" in text


def test_errors_are_collected_up_to_a_limit(tmp_path: Path) -> None:
    text = errors(source(tmp_path / "in", users={"user_id": [-1] * 50}))
    assert text.count("must be a number") == LIMIT
    assert "... and 30 more" in text


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CascadeError, match="is not a folder"):
        import_folder(tmp_path / "nowhere", tmp_path / "out")


def test_a_data_set_imports_to_itself(tmp_path: Path) -> None:
    first = import_folder(source(tmp_path / "in"), tmp_path / "a")
    second = import_folder(tmp_path / "a", tmp_path / "b")
    assert second.manifest.fingerprint == first.manifest.fingerprint
    assert DataSet.open(tmp_path / "b").read("impressions").equals(first.read("impressions"))
