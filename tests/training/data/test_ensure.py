"""The data set of `cascade up`: which source is taken, and when it is imported again."""

import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cluster.errors import CascadeError
from cluster.settings import Settings
from training.data.dataset import DataSet, write_dataset
from training.data.ensure import DEFAULT_SOURCE, SMALL_WORLD, ensure_dataset
from training.data.progress import silent
from training.data.synth.world import World

TABLES = {
    "posts": {"post_id": [1], "author_id": [2], "created_ms": [3]},
    "users": {"user_id": [4]},
    "impressions": {"user_id": [4], "post_id": [1], "time_ms": [1_000]},
}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "mine"
    folder.mkdir()
    for name, columns in TABLES.items():
        pq.write_table(pa.table(columns), folder / f"{name}.parquet")
    return folder


def made(data: DataSet) -> int:
    return (data.folder / "dataset.json").stat().st_ino


def test_a_named_folder_is_imported_once_and_again_when_it_changes(tmp_path: Path, source: Path) -> None:
    settings = Settings(home=tmp_path / "var", data=source)
    first = ensure_dataset(settings, progress=silent)
    assert first.folder == tmp_path / "var" / "data" / "mine"
    before = made(first)
    assert ensure_dataset(settings, progress=silent) == first
    assert made(first) == before
    os.utime(source / "users.parquet", ns=(1, 1))
    second = ensure_dataset(settings, progress=silent)
    assert second.manifest.fingerprint == first.manifest.fingerprint
    assert second.manifest.source != first.manifest.source


def test_a_data_set_is_opened_where_it_is(tmp_path: Path) -> None:
    data = write_dataset(tmp_path / "ready", "ready", {k: pa.table(v) for k, v in TABLES.items()}, 60, {"kind": "x"})
    assert ensure_dataset(Settings(home=tmp_path / "var", data=data.folder), progress=silent) == data
    assert not (tmp_path / "var").exists()


def test_without_data_a_small_world_is_made_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    data = ensure_dataset(Settings(home=tmp_path / "var"))
    assert "simulate days" in capsys.readouterr().err
    assert data.manifest.source["kind"] == "synthetic"
    assert data.manifest.rows["users"] == SMALL_WORLD.users
    assert World.load(data.folder).parameters == SMALL_WORLD
    before = made(data)
    assert made(ensure_dataset(Settings(home=tmp_path / "var"))) == before


def test_the_default_folder_is_taken_when_it_is_there(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    DEFAULT_SOURCE.parent.mkdir(parents=True)
    source.rename(DEFAULT_SOURCE)
    assert ensure_dataset(Settings(home=tmp_path / "var"), progress=silent).manifest.name == "kuairand_pure"


def test_a_source_without_data_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CascadeError, match="is not a folder"):
        ensure_dataset(Settings(home=tmp_path / "var", data=tmp_path / "nowhere"), progress=silent)
    (tmp_path / "empty").mkdir()
    with pytest.raises(CascadeError, match="holds no data"):
        ensure_dataset(Settings(home=tmp_path / "var", data=tmp_path / "empty"), progress=silent)
