"""The KuaiRand-Pure importer: both forms of the files, estimated times, days, missing values."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from cluster.errors import CascadeError
from training.data.dataset import DataSet
from training.data.kuairand import HISTORY_END_MS, LOG_START_MS, import_kuairand, is_kuairand

DAY_MS = 86_400_000
REAL = Path(__file__).parents[4] / "shared" / "data" / "kuairand_pure"


def china_ms(day: int, hour: int = 0, month: int = 4) -> int:
    return int((datetime(2022, month, day, hour, tzinfo=UTC) - timedelta(hours=8)).timestamp() * 1000)


def log(rows: list[dict[str, int]]) -> pa.Table:
    """A log in the published columns; what a row does not say is 0."""
    names = ["user_id", "video_id", "date", "hourmin", "time_ms", "play_time_ms", "duration_ms", "is_rand", "tab"]
    names += ["is_click", "is_like", "is_follow", "is_comment", "is_forward", "is_hate", "long_view"]
    names += ["profile_stay_time", "comment_stay_time", "is_profile_enter"]
    return pa.table({name: [row.get(name, 0) for row in rows] for name in names})


LOG = log(
    [
        {"user_id": 1, "video_id": 10, "date": 20220426, "time_ms": china_ms(26, 3), "is_like": 1, "tab": 1},
        {"user_id": 2, "video_id": 11, "date": 20220426, "time_ms": china_ms(26, 1), "is_hate": 1, "tab": 4},
        {"user_id": 1, "video_id": 10, "date": 20220426, "time_ms": china_ms(26, 3), "is_like": 1, "tab": 1},
        {"user_id": 2, "video_id": 12, "date": 20220427, "time_ms": china_ms(26, 23), "is_forward": 1},
        {"user_id": 3, "video_id": 12, "date": 20220427, "time_ms": china_ms(27, 2), "play_time_ms": 777},
    ]
)
VIDEOS = pa.table(
    {
        "video_id": [10, 11, 12],
        "author_id": [100, 101, 100],
        "video_type": ["NORMAL", "AD", "NORMAL"],
        "upload_dt": ["2022-04-09", "", "2022-04-30"],
        "upload_type": ["Web", "UNKNOWN", "PictureSet"],
        "visible_status": [0.0, 0.0, 0.0],
        "video_duration": [9_000.0, 5_000.0, None],
        "server_width": [720.0, 720.0, 720.0],
        "server_height": [1280.0, 1280.0, 1280.0],
        "music_id": [1, 2, 3],
        "music_type": [9.0, None, 4.0],
        "tag": ["39,68", "", "7"],
    }
)
USERS = pa.table(
    {
        "user_id": [1, 2],
        "user_active_degree": ["full_active", "UNKNOWN"],
        "follow_user_num": [5, -124],
        "fans_user_num": [7, 0],
        "register_days": [10, -124],
    }
)
HISTORY = pa.table(
    {
        "user_id": [1, 1, 2],
        "pos_from_end": [-2, -1, -1],
        "video_id": [11, 12, 10],
        "long_view": [1, 0, 0],
        "is_like": [0, 0, 1],
        "repeat_in_window": [False, False, False],
        "user_train_impressions": [4, 4, 1],
    }
)


def published(folder: Path) -> Path:
    folder.mkdir()
    pa.csv.write_csv(LOG.slice(0, 3), folder / "log_standard_4_08_to_4_21_pure.csv")
    pa.csv.write_csv(LOG.slice(3), folder / "log_standard_4_22_to_5_08_pure.csv")
    pa.csv.write_csv(LOG.slice(0, 1), folder / "log_random_4_22_to_5_08_pure.csv")
    pa.csv.write_csv(USERS, folder / "user_features_pure.csv")
    pa.csv.write_csv(VIDEOS, folder / "video_features_basic_pure.csv")
    return folder


def reduced(folder: Path, history: pa.Table | None = None, rows: pa.Table = LOG) -> Path:
    folder.mkdir()
    pq.write_table(rows.drop_columns(["is_rand"]), folder / "impressions.parquet")
    pq.write_table(USERS, folder / "users.parquet")
    pq.write_table(VIDEOS, folder / "videos.parquet")
    if history is not None:
        pq.write_table(history, folder / "history.parquet")
    return folder


@pytest.mark.parametrize("make", [published, reduced])
def test_the_log_is_mapped_and_its_repeats_are_dropped(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    src = make(tmp_path / "in")
    assert is_kuairand(src)
    data = import_kuairand(src, tmp_path / "kuairand")
    assert data.manifest.utc_offset_minutes == 480
    rows = data.read("impressions").to_pylist()
    assert [(row["user_id"], row["post_id"]) for row in rows] == [(2, 11), (1, 10), (2, 12), (3, 12)]
    assert [row["surface"] for row in rows] == ["tab_4", "tab_1", "tab_0", "tab_0"]
    assert [row["hide"] for row in rows] == [True, False, False, False]
    assert [row["like"] for row in rows] == [False, True, False, False]
    assert [row["share"] for row in rows] == [False, False, True, False]
    assert [row["watch_ms"] for row in rows] == [0, 0, 0, 777]
    absent = {"save", "report", "position"}
    assert absent.isdisjoint(rows[0])
    assert not any(data.has("impressions", column) for column in absent)
    assert not data.has("follows")


def test_published_and_reduced_files_give_the_same_data(tmp_path: Path) -> None:
    first = import_kuairand(published(tmp_path / "a"), tmp_path / "from_a")
    second = import_kuairand(reduced(tmp_path / "b"), tmp_path / "from_b")
    assert first.manifest.fingerprint == second.manifest.fingerprint


def test_the_logs_own_day_is_kept(tmp_path: Path) -> None:
    data = import_kuairand(reduced(tmp_path / "in"), tmp_path / "out")
    rows = data.read("impressions")
    assert data.dates(rows).tolist() == [20220426, 20220426, 20220427, 20220427]
    assert data.dates(rows.drop_columns(["date"])).tolist() == [20220426, 20220426, 20220426, 20220427]


def test_a_row_that_two_days_report_counts_to_the_later(tmp_path: Path) -> None:
    row = {"user_id": 1, "video_id": 10, "time_ms": china_ms(26, 23), "date": 20220426}
    twice = log([row, row | {"date": 20220427}])
    data = import_kuairand(reduced(tmp_path / "in", rows=twice), tmp_path / "out")
    assert data.dates(data.read("impressions")).tolist() == [20220427]


def test_posts_are_mapped(tmp_path: Path) -> None:
    posts = import_kuairand(reduced(tmp_path / "in"), tmp_path / "out").read("posts").to_pylist()
    assert [post["kind"] for post in posts] == ["video", "ad", "carousel"]
    assert [post["topic"] for post in posts] == ["39", None, "7"]
    assert [post["duration_ms"] for post in posts] == [9_000, 5_000, None]
    # Uploaded on the 9th; no day, so the first impression; a day after the first impression, so that one.
    assert [post["created_ms"] for post in posts] == [china_ms(9), china_ms(26, 1), china_ms(26, 23)]
    vectors = np.array([post["embedding"] for post in posts])
    assert np.allclose(np.linalg.norm(vectors[[0, 2]], axis=1), 1)


def test_users_are_mapped_and_missing_ones_added(tmp_path: Path) -> None:
    users = import_kuairand(reduced(tmp_path / "in"), tmp_path / "out").read("users").to_pylist()
    assert users == [
        {"user_id": 1, "created_ms": china_ms(8) - 10 * DAY_MS, "followers": 7, "following": 5},
        {"user_id": 2, "created_ms": None, "followers": 0, "following": None},
        {"user_id": 3, "created_ms": None, "followers": None, "following": None},
    ]


def test_history_gets_estimated_times_in_its_order(tmp_path: Path) -> None:
    data = import_kuairand(reduced(tmp_path / "in", HISTORY), tmp_path / "out")
    rows = data.read("impressions", end_ms=HISTORY_END_MS).to_pylist()
    # User 2's only impression is put in the middle of the 17 days; user 1's two last of four, 1/8 and 3/8 from the end.
    assert [(row["user_id"], row["post_id"]) for row in rows] == [(2, 10), (1, 11), (1, 12)]
    times = [HISTORY_END_MS - int(share * 17 * DAY_MS) for share in (1 / 2, 3 / 8, 1 / 8)]
    assert [row["time_ms"] for row in rows] == times
    assert [row["long_view"] for row in rows] == [False, True, False]
    assert [row["like"] for row in rows] == [True, False, False]
    for column in ("surface", "watch_ms", "click", "share", "hide"):
        assert [row[column] for row in rows] == [None] * 3
    assert data.manifest.coverage["impressions.watch_ms"] == pytest.approx(4 / 7)
    assert data.dates(data.read("impressions")).tolist()[:3] == [20220416, 20220418, 20220422]


def test_history_is_left_out_where_the_log_covers_its_days(tmp_path: Path) -> None:
    early = log([{"user_id": 1, "video_id": 10, "date": 20220420, "time_ms": china_ms(20)}])
    data = import_kuairand(reduced(tmp_path / "in", HISTORY, early), tmp_path / "out")
    assert data.manifest.rows["impressions"] == 1


def test_missing_files_columns_and_videos_are_named(tmp_path: Path) -> None:
    src = published(tmp_path / "a")
    (src / "user_features_pure.csv").unlink()
    with pytest.raises(CascadeError, match=r"lacks user_features_pure\.csv"):
        import_kuairand(src, tmp_path / "out")
    pa.csv.write_csv(USERS.drop_columns(["register_days"]), src / "user_features_pure.csv")
    with pytest.raises(CascadeError, match="register_days"):
        import_kuairand(src, tmp_path / "out")
    lost = log([{"user_id": 1, "video_id": 99, "date": 20220426, "time_ms": china_ms(26)}])
    with pytest.raises(CascadeError, match="column post_id has value 99"):
        import_kuairand(reduced(tmp_path / "b", rows=lost), tmp_path / "out")


def test_tables_of_our_own_are_not_taken_for_kuairand(tmp_path: Path) -> None:
    for name in ("impressions.parquet", "users.parquet", "posts.parquet"):
        (tmp_path / name).touch()
    assert not is_kuairand(tmp_path)


@pytest.mark.skipif(not REAL.is_dir(), reason="the reduced copy of KuaiRand-Pure is not here")
def test_the_real_reduced_copy(tmp_path: Path) -> None:
    data = import_kuairand(REAL, tmp_path / "kuairand")
    assert data.manifest.rows == {"posts": 7_583, "users": 27_285, "impressions": 166_932 + 817_187}
    rows = data.read("impressions", ["user_id", "time_ms", "surface"])
    past = rows.filter(pc.is_null(rows["surface"]))
    assert past.num_rows == 817_187
    assert LOG_START_MS <= pc.min(past["time_ms"]).as_py() < pc.max(past["time_ms"]).as_py() < HISTORY_END_MS
    user, time = past["user_id"].to_numpy(), past["time_ms"].to_numpy()
    order = np.lexsort((time, user))
    assert np.all((np.diff(time[order]) > 0) | (np.diff(user[order]) > 0))
    raw = pq.read_table(REAL / "impressions.parquet", columns=["user_id", "video_id", "time_ms", "date"])
    held_out = raw.filter(pc.greater_equal(raw["date"], 20220429)).drop_columns(["date"])
    keys = held_out.group_by(held_out.column_names).aggregate([])
    assert int((data.dates(data.read("impressions")) >= 20220429).sum()) == keys.num_rows
    assert DataSet.open(tmp_path / "kuairand") == data
