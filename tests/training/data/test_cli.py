"""`cascade data`: import, synth and show, for people and as JSON."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pytest

from cluster.errors import CascadeError
from training.data.cli import app
from training.data.dataset import DataSet


def run(*arguments: str) -> None:
    app(list(arguments), result_action="return_value")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "mine"
    folder.mkdir()
    pa.csv.write_csv(pa.table({"post_id": [1], "author_id": [2], "created_ms": [3]}), folder / "posts.csv")
    pa.csv.write_csv(pa.table({"user_id": [4]}), folder / "users.csv")
    pa.csv.write_csv(
        pa.table({"user_id": [4], "post_id": [1], "time_ms": [1_650_816_000_000], "like": [True]}),
        folder / "impressions.csv",
    )
    return folder


def test_import_prints_the_manifest_as_json(tmp_path: Path, source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("import", str(source), "--out", str(tmp_path / "out"), "--utc-offset-minutes", "480", "--json")
    document = json.loads(capsys.readouterr().out)
    assert document["folder"] == str(tmp_path / "out")
    assert document["rows"] == {"posts": 1, "users": 1, "impressions": 1}
    assert document["utc_offset_minutes"] == 480
    assert document["coverage"]["impressions.like"] == 1
    assert DataSet.open(tmp_path / "out").manifest.fingerprint == document["fingerprint"]


def test_import_goes_below_the_home_by_default(tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CASCADE_HOME", str(tmp_path / "home"))
    run("import", str(source), "--name", "ours", "--json")
    assert DataSet.open(tmp_path / "home" / "data" / "ours").manifest.name == "ours"


def test_synth_obeys_its_parameters(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sizes = ("--users", "50", "--posts", "80", "--days", "2", "--seed", "4")
    run("synth", *sizes, "--out", str(tmp_path / "w"), "--json")
    document = json.loads(capsys.readouterr().out)
    assert document["rows"]["users"] == 50
    assert document["rows"]["posts"] == 80
    assert {"users": 50, "posts": 80, "days": 2, "seed": 4}.items() <= document["source"].items()


def test_show_tells_rows_days_and_coverage(tmp_path: Path, source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("import", str(source), "--out", str(tmp_path / "out"), "--utc-offset-minutes", "480", "--json")
    capsys.readouterr()
    run("show", str(tmp_path / "out"))
    text = capsys.readouterr().out
    assert "2022-04-25 00:00" in text
    assert "follows" in text
    assert "absent" in text
    assert "100.0%" in text


def test_errors_reach_the_caller_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(CascadeError) as caught:
        run("show", str(tmp_path))
    assert caught.value.remedy
    with pytest.raises(CascadeError, match="users has value 1"):
        run("synth", "--users", "1", "--out", str(tmp_path / "w"))
