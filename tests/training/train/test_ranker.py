"""Training of the ranker on a real Ray."""

import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from cluster.ray_runtime import RaySession
from kernels.features import INDEX
from tests.training.models.tiny import POSTS, USERS, features, write_days
from training.models.ranker import RankerModel
from training.train.placement import Placement
from training.train.ranker import forget_untrained, train_ranker
from training.train.ranker_learner import RankerTraining
from training.train.ranker_survey import survey_of
from training.train.ranker_wide import WideConfig, fitted
from training.train.steps import Metrics, Step, run_step

# Ray warns of its own defaults.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:ray")

HOW = RankerTraining(epochs=3, batch=32, warmup_steps=10, checkpoint_steps=20)


def train(folder: Path, data: Path, placement: Placement | None = None) -> Metrics:
    step, files = Step("ranker", folder, HOW, {}, placement or Placement()), sorted(data.glob("*.parquet"))
    wide = fitted(files[:-1], USERS, POSTS, WideConfig.of(HOW))
    return run_step(step, lambda step: train_ranker(step, files, USERS, POSTS, wide))


def _weights(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*") if path.suffix == ".npy"}


def _kill_worker(session: RaySession, runs: Path) -> None:
    """Kill the training worker of the session as soon as a checkpoint has been made known."""
    while not any(runs.glob("*/checkpoint_manager_snapshot.json")):
        time.sleep(0.05)
    for process in psutil.process_iter(["cmdline", "environ"]):
        is_worker = "RayTrainWorker" in "".join(process.info["cmdline"] or ())
        if is_worker and (process.info["environ"] or {}).get("RAY_TMPDIR") == session.folder:
            process.kill()


def test_a_run_whose_worker_is_killed_resumes_and_ends_like_one_that_was_not(
    ray_session: RaySession, tmp_path: Path
) -> None:
    write_days(tmp_path / "data")
    whole = train(tmp_path / "whole", tmp_path / "data")
    assert whole["resumed_at"] == []
    told: list[dict[str, float]] = []
    alone = train(tmp_path / "alone", tmp_path / "data", Placement(here=lambda done, total, some: told.append(some)))
    assert alone["loss"] == whole["loss"]
    assert [some["loss"] for some in told] == [loss for _, loss in alone["loss"]]
    assert _weights(tmp_path / "alone") == _weights(tmp_path / "whole")

    killer = threading.Thread(target=_kill_worker, args=(ray_session, tmp_path / "killed" / "runs"), daemon=True)
    killer.start()
    resumed = train(tmp_path / "killed", tmp_path / "data")
    killer.join(timeout=5)

    assert len(resumed["resumed_at"]) == 1
    assert resumed["resumed_at"][0] != [0, 0]
    assert resumed["loss"] == whole["loss"]
    assert resumed["epochs"] == whole["epochs"]
    assert _weights(tmp_path / "killed") == _weights(tmp_path / "whole")  # bit for bit, so training is too
    _learned(whole, RankerModel.load(tmp_path / "whole"))


def _learned(metrics: Metrics, model: RankerModel) -> None:
    """What `tiny.examples` put into the data."""
    assert model.heads == ("like", "long_view", "watch_time")  # a share is known in all rows and never happens
    assert metrics["epochs"][-1]["heads"]["long_view"]["auc"] > 0.7
    assert metrics["epochs"][-1]["valid_loss"] < metrics["epochs"][0]["valid_loss"]  # more than the wide part alone
    x = features(np.random.default_rng(0), 1).repeat(6, 0)
    x[:, INDEX["post_long_view_rate_28d"]] = np.linspace(0, 1, 6)
    head = model.heads.index("long_view")
    rising = model.predict(3, np.full(6, 4), x)[:, head]
    assert (np.diff(rising) > 0).all()
    by_post = model.predict(3, np.arange(27), x[:1].repeat(27, 0))[:, head].reshape(9, 3).mean(0)
    assert (np.diff(by_post) > 0).all()  # chance rises with post % 3
    seconds = model.predict(3, np.full(6, 4), x)[:, model.heads.index("watch_time")]
    assert (seconds > 2).all()
    assert (seconds < 40).all()
    last = model.predict(USERS - 1, np.array([POSTS - 1]), x[:1])
    assert (last == model.predict(-1, np.array([-1]), x[:1])).all()  # never seen in training: unknown


def test_survey_names_heads_users_and_posts(tmp_path: Path) -> None:
    survey = survey_of(write_days(tmp_path, days=2, rows=2000), USERS, POSTS)
    assert survey.heads == ("like", "long_view", "watch_time")
    assert survey.users.tolist() == [True] * (USERS - 1) + [False]
    assert survey.posts.tolist() == [True] * (POSTS - 1) + [False]
    weights: dict[str, Any] = {
        name: np.random.default_rng(0).random((rows + 1, 4))
        for name, rows in (("user.weight", USERS), ("post.weight", POSTS))
    }
    before = {name: weight.copy() for name, weight in weights.items()}
    forget_untrained(weights, survey)
    for name, weight in weights.items():
        assert (weight[:-1] == before[name][:-1]).all()
        assert (weight[-1] == before[name][0]).all()
