"""Training of the two-tower model on a real Ray."""

import json
from pathlib import Path

import numpy as np
import pytest

from cluster.errors import CascadeError
from cluster.ray_runtime import RaySession
from tests.training.features.worlds import small_dataset, tables
from training.features.log import Log
from training.features.sequences import build_sequences
from training.models.two_tower import DIM, UserTower
from training.train.placement import Placement
from training.train.steps import Metrics, Step, run_step
from training.train.two_tower import train_two_tower
from training.train.two_tower_learner import TwoTowerTraining

# Ray warns of its own defaults.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:ray")

HOW = TwoTowerTraining(epochs=3, batch=4, steps=2, least_batch=2, held_out=0.2)


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Log:
    impressions = tables(users=40, impressions=3000)
    return Log.load(small_dataset(tmp_path_factory.mktemp("two_tower") / "data", **impressions))


def train(folder: Path, log: Log, workers: int = 1) -> Metrics:
    files = build_sequences(log, folder.parent / f"{folder.name}-sequences")
    step = Step("two_tower", folder, HOW, {}, Placement((workers, workers)))
    return run_step(step, lambda step: train_two_tower(step, files, log))


def test_two_workers_train_one_model(ray_session: RaySession, log: Log, tmp_path: Path) -> None:
    metrics = train(tmp_path / "model", log, workers=2)
    assert len(metrics["loss"]) == HOW.epochs
    assert metrics["loss"][-1] < metrics["loss"][0]
    tower, vectors = UserTower.load(tmp_path / "model"), np.load(tmp_path / "model" / "post_vectors.npy")
    assert vectors.shape == (len(log.posts.ids), DIM)
    user = tower.encode(log.impressions.post[:9], log.impressions.actions[:9], np.arange(9, dtype=np.float32))
    assert np.linalg.norm(user) == pytest.approx(1, abs=1e-6)
    assert json.loads((tmp_path / "model" / "metrics.json").read_text())["posts_trained"] == len(vectors)


def test_without_a_sequence_there_is_nothing_to_learn(tmp_path: Path) -> None:
    log = Log.load(small_dataset(tmp_path / "data", impressions=tables()["impressions"].slice(0, 1)))
    with pytest.raises(CascadeError, match="nobody was shown two posts"):
        train(tmp_path / "model", log)
