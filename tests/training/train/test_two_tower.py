"""Training of the two-tower model on a real Ray."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest

from cluster.errors import CascadeError
from cluster.ray_runtime import RaySession
from tests.training.features.worlds import small_dataset, tables
from training.features.log import Log
from training.features.sequences import build_sequences
from training.models.two_tower import DIM, UserTower
from training.train import ray_train, two_tower
from training.train.steps import Metrics, Step, run_step
from training.train.two_tower import TwoTowerTraining, train_two_tower
from training.train.two_tower import _loop as two_tower_loop

# Ray warns of its own defaults.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:ray")

HOW = TwoTowerTraining(epochs=3, batch=4, steps=2, least_batch=2, held_out=0.2)


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Log:
    impressions = tables(users=40, impressions=3000)
    return Log.load(small_dataset(tmp_path_factory.mktemp("two_tower") / "data", **impressions))


def train(folder: Path, log: Log, how: TwoTowerTraining = HOW) -> Metrics:
    files = build_sequences(log, folder.parent / f"{folder.name}-sequences")
    return run_step(Step("two_tower", folder, how, {}), lambda step: train_two_tower(step, files, log))


def dying_once(marker: Path) -> Callable[[dict[str, Any]], None]:
    """The training loop in a worker that dies after its second epoch, unless `marker` says that it has."""

    def loop(config: dict[str, Any]) -> None:
        save = ray_train.save

        def dying(state: ray_train.State, metrics: Metrics) -> None:
            save(state, metrics)
            if state["epoch"] == 2 and not marker.exists():
                marker.touch()
                raise RuntimeError("a worker that died")

        with mock.patch.object(ray_train, "save", dying):
            two_tower_loop(config)

    return loop


def test_a_worker_that_dies_goes_on_and_ends_like_one_that_did_not(
    ray_session: RaySession, log: Log, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = train(tmp_path / "whole", log)
    monkeypatch.setattr(two_tower, "_loop", dying_once(tmp_path / "died"))
    died = train(tmp_path / "again", log)
    assert (tmp_path / "died").exists()
    assert whole["resumed_at"] == []
    assert died["resumed_at"] == [2]
    assert died["loss"] == whole["loss"]
    for file in (tmp_path / "whole").glob("*.npy"):
        assert (tmp_path / "again" / file.name).read_bytes() == file.read_bytes(), file.name


def test_two_workers_train_one_model(ray_session: RaySession, log: Log, tmp_path: Path) -> None:
    metrics = train(tmp_path / "model", log, replace(HOW, workers=2))
    assert len(metrics["loss"]) == HOW.epochs
    assert metrics["loss"][-1] < metrics["loss"][0]
    tower, vectors = UserTower.load(tmp_path / "model"), np.load(tmp_path / "model" / "post_vectors.npy")
    assert vectors.shape == (len(log.posts.ids), DIM)
    user = tower.encode(log.impressions.post[:9], log.impressions.actions[:9], np.arange(9, dtype=np.float32))
    assert np.linalg.norm(user) == pytest.approx(1, abs=1e-6)
    assert json.loads((tmp_path / "model" / "metrics.json").read_text())["posts_trained"] == len(vectors)


def test_a_loss_that_is_not_finite_stops_the_run(ray_session: RaySession, log: Log, tmp_path: Path) -> None:
    with pytest.raises(CascadeError, match=r"training two_tower failed: the loss is (nan|inf)"):
        train(tmp_path / "model", log, replace(HOW, learning_rate=1e38, retries=0))
    assert not (tmp_path / "model" / "metrics.json").exists()


def test_without_a_sequence_there_is_nothing_to_learn(tmp_path: Path) -> None:
    log = Log.load(small_dataset(tmp_path / "data", impressions=tables()["impressions"].slice(0, 1)))
    with pytest.raises(CascadeError, match="nobody was shown two posts"):
        train(tmp_path / "model", log)
