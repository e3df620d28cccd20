"""`cascade evaluate` from a folder of tables to figures, on a real Ray."""

import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cluster.errors import CascadeError, InvalidField
from cluster.ray_runtime import RaySession
from kernels.actions import ACTIONS
from training.data.dataset import DataSet
from training.evaluation.cli import app
from training.evaluation.metrics import gauc, ndcg

# Ray warns of its own defaults.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:ray")

DAYS = ("--train-until", "20240105", "--test", "20240106:20240108")


def run(*arguments: str) -> None:
    app(list(arguments), result_action="return_value")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CASCADE_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


def scrambled(world: DataSet, folder: Path, after: int) -> Path:
    """The world as somebody's own tables, with later actions and watch times dealt out anew."""
    folder.mkdir(parents=True)
    for name in ("posts", "users", "follows"):
        shutil.copy(world.path(name), folder)
    impressions = world.read("impressions")
    later = np.flatnonzero(world.dates(impressions) > after)
    order = np.arange(impressions.num_rows)
    order[later] = np.random.default_rng(0).permutation(later)
    for name in (*ACTIONS, "watch_ms"):
        at = impressions.column_names.index(name)
        impressions = impressions.set_column(at, name, impressions[name].take(pa.array(order)))
    pq.write_table(impressions, folder / "impressions.parquet")
    return folder


def test_scrambling_what_happened_after_training_changes_no_prediction(
    trained: Path,
    world: DataSet,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("CASCADE_HOME", str(trained))
    [work] = (trained / "work").iterdir()
    written = (work / "ranker" / "metrics.json").stat().st_mtime_ns
    documents, predictions = {}, {}
    for name, folder in (("honest", world.folder), ("scrambled", scrambled(world, tmp_path / "world", 20240105))):
        out = tmp_path / f"{name}.parquet"
        run("ranking", "--data", str(folder), *DAYS, "--predictions", str(out), "--json")
        documents[name], predictions[name] = json.loads(capsys.readouterr().out), pq.read_table(out)
    assert predictions["scrambled"].equals(predictions["honest"])
    assert documents["scrambled"]["quality"]["model"] != documents["honest"]["quality"]["model"]
    # All that training reads is in the fingerprint, and is the same: nothing was trained again.
    assert [work] == list((trained / "work").iterdir())
    assert (work / "ranker" / "metrics.json").stat().st_mtime_ns == written
    _anybody_can_compute_the_figures(world, predictions["honest"], documents["honest"])


def _anybody_can_compute_the_figures(world: DataSet, predictions: pa.Table, document: dict[str, object]) -> None:
    impressions = world.read("impressions")
    truth = impressions.filter(pa.array(world.dates(impressions) > 20240105))
    keys = ["user_id", "post_id", "time_ms"]
    joined = predictions.join(truth.select([*keys, "long_view"]), keys)
    assert joined.num_rows == predictions.num_rows == truth.num_rows == document["rows"]
    users, labels = joined["user_id"].to_numpy(), joined["long_view"].to_numpy().astype(int)
    scores = joined["score"].to_numpy()
    quality = document["quality"]
    assert isinstance(quality, dict)
    assert quality["model"]["gauc"] == pytest.approx(gauc(users, labels, scores))
    assert quality["model"]["ndcg@5"] == pytest.approx(ndcg(users, labels, scores, 5))
    assert quality["oracle"]["gauc"] == 1
    assert quality["random"]["gauc"] == pytest.approx(0.5)
    intervals = document["intervals"]
    assert isinstance(intervals, dict)
    low, high = intervals["model"]["primary"]
    assert low < quality["model"]["primary"] < high


def test_ranking_prints_tables_for_people(
    trained: Path, world: DataSet, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CASCADE_HOME", str(trained))
    monkeypatch.setenv("COLUMNS", "250")
    run("ranking", "--data", str(world.folder), *DAYS, "--segments")
    printed = capsys.readouterr().out
    for word in ("model ahead by", "oracle (truth)", "oracle (relevance)", "calibration", "posts of the last day"):
        assert word in printed


def test_learning_online_is_told_day_by_day_beside_the_model_left_alone(
    trained: Path, world: DataSet, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CASCADE_HOME", str(trained))
    monkeypatch.setenv("COLUMNS", "250")
    run("online", "--data", str(world.folder), *DAYS, "--every-minutes", "60", "--json")
    document = json.loads(capsys.readouterr().out)
    assert list(document["days"]) == ["20240106", "20240107", "20240108"]
    assert document["updates"] > 24
    for heads in document["days"].values():
        assert all(of["frozen"]["rows"] == of["online"]["rows"] > 0 for of in heads.values())
        frozen, online = (sum(of[name]["log_loss"] for of in heads.values()) for name in ("frozen", "online"))
        assert online < frozen * 1.02  # in a small world without drift guards let little through
    run("online", "--data", str(world.folder), *DAYS, "--every-minutes", "60")
    printed = capsys.readouterr().out
    for word in ("Learning online", "20240108", "promoted", "returned"):
        assert word in printed


def test_retrieval_prints_a_table_for_people_and_one_document_for_programs(
    ray_session: RaySession, world: DataSet, capsys: pytest.CaptureFixture[str]
) -> None:
    run("retrieval", "--data", str(world.folder), *DAYS, "--k", "20,5", "--recipe", "quick", "--json")
    document = json.loads(capsys.readouterr().out)
    assert document["train_until"] == 20240105
    assert document["test"] == [20240106, 20240108]
    assert 0 < document["users"] <= 150
    assert document["posts"] == 300
    for quality in document["quality"].values():
        assert list(quality) == ["recall@5", "recall@20"]
    assert document["quality"]["two_tower"]["recall@20"] > document["quality"]["random"]["recall@20"]
    run("retrieval", "--data", str(world.folder), *DAYS, "--k", "20,5", "--recipe", "quick")
    printed = capsys.readouterr().out
    for name in document["quality"]:
        assert name in printed
    assert f"{document['quality']['two_tower']['recall@5']:.4f}" in printed


@pytest.mark.parametrize("k", ["0", "ten", "50,,100", "", "-5", "1.5"])
def test_numbers_that_are_none_are_refused(world: DataSet, k: str) -> None:
    with pytest.raises(InvalidField, match="--k has value") as error:
        run("retrieval", "--data", str(world.folder), *DAYS, "--k", k)
    assert error.value.value == k


@pytest.mark.parametrize("command", ["ranking", "retrieval", "prerank", "online"])
def test_days_are_checked_before_anything_is_trained(world: DataSet, home: Path, command: str) -> None:
    for until, test, message in (
        ("20240105", "20240104:20240108", "--test has value '20240104:20240108'"),
        ("20240105", "20250101", "--test has value '20250101:20250101': .* the data has 20240101 to 20240108"),
        ("20230101", "20240104", "--train-until has value 20230101"),
        ("5 January", "20240106", "--train-until has value '5 January'"),
    ):
        with pytest.raises(InvalidField, match=message):
            run(command, "--data", str(world.folder), "--train-until", until, "--test", test)
    assert not (home / "work").exists()


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CascadeError, match="nowhere is not a folder"):
        run("ranking", "--data", str(tmp_path / "nowhere"), *DAYS)
