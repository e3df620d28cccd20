"""Training of the pre-ranker on a real Ray."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xgboost

from cluster.ray_runtime import RaySession
from kernels.features import INDEX, NAMES
from kernels.trees import predict_forest
from tests.training.models.tiny import features, write_days
from training.models.forest import load_forest
from training.train.prerank import PrerankTraining, boost, train_prerank
from training.train.steps import Step, run_step

# Ray warns of its own defaults.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:ray")

HOW = PrerankTraining(trees=12, depth=3, leaf_weight=5, checkpoint_trees=5)


def test_trees_are_trained_saved_and_scored_alike(ray_session: RaySession, tmp_path: Path) -> None:
    files = write_days(tmp_path / "data")
    metrics = run_step(Step("prerank", tmp_path / "model", HOW, {}), lambda step: train_prerank(step, files))
    assert metrics["trees"] == 12
    assert [row[0] for row in metrics["loss"]] == list(range(1, 13))
    assert metrics["loss"][-1][1] < metrics["loss"][0][1]
    assert metrics["valid"]["auc_long_view"] > 0.65

    x = features(np.random.default_rng(1), 50)
    x[:, INDEX["post_long_view_rate_28d"]] = np.linspace(0, 1, 50)
    booster = xgboost.Booster(model_file=tmp_path / "model" / "prerank.ubj")
    margins = np.empty(50, np.float32)
    predict_forest(load_forest(tmp_path / "model" / "prerank.npz"), x, margins)
    expected = booster.predict(xgboost.DMatrix(x, feature_names=list(NAMES)), output_margin=True)
    np.testing.assert_array_equal(margins, expected)
    assert margins[25:].mean() > margins[:25].mean()


def test_a_resumed_run_ends_with_the_same_trees() -> None:
    rng = np.random.default_rng(0)
    train, valid = (xgboost.DMatrix(features(rng, 500), rng.random(500), feature_names=list(NAMES)) for _ in range(2))
    told: list[int] = []

    def follow(trees: int, loss: float, valid_loss: float) -> None:
        told.append(trees)

    whole = list(boost(HOW, train, valid, None, follow))
    assert [state["trees"] for state in whole] == [5, 10, 12]
    assert told == list(range(1, 13))
    for state in whole[:2]:
        resumed = list(boost(HOW, train, valid, state, follow))
        assert resumed[-1]["booster"].equal(whole[-1]["booster"])
        assert resumed[-1]["loss"] == whole[-1]["loss"]
    assert list(boost(HOW, train, valid, whole[-1], follow)) == []
    *_, other = boost(replace(HOW, seed=2), train, valid, None, follow)
    assert not other["booster"].equal(whole[-1]["booster"])
