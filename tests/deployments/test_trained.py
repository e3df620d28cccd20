"""What the training behind a served release leaves: `cascade up` has run every step on a real Ray."""

import json

import numpy as np
import pytest
import xgboost

from kernels.features import INDEX, NAMES
from kernels.trees import predict_forest
from tests.training.models.tiny import features
from training.models.forest import load_forest
from training.recipes import recipe_named

pytestmark = pytest.mark.serving


@pytest.fixture
def work(served):
    [folder] = (served.home / "work").iterdir()
    return folder


def metrics_of(work, model: str) -> dict:
    return json.loads((work / model / "metrics.json").read_text())


def test_trees_are_trained_and_scored_as_xgboost_scores_them(work):
    told, trees = metrics_of(work, "prerank"), recipe_named("quick").prerank.trees
    assert told["trees"] == trees
    assert [row[0] for row in told["logloss"]] == list(range(1, trees + 1))
    assert told["logloss"][-1][1] < told["logloss"][0][1]
    assert told["valid"]["auc_long_view"] > 0.6
    x = features(np.random.default_rng(1), 50)
    x[:, INDEX["post_long_view_rate_28d"]] = np.linspace(0, 1, 50)
    booster = xgboost.Booster(model_file=work / "prerank" / "prerank.ubj")
    margins = np.empty(50, np.float32)
    predict_forest(load_forest(work / "prerank" / "prerank.npz"), x, margins)
    expected = booster.predict(xgboost.DMatrix(x, feature_names=list(NAMES)), output_margin=True)
    np.testing.assert_array_equal(margins, expected)


def test_every_step_keeps_its_config_and_what_it_measured(work):
    recipe = recipe_named("quick")
    for model in ("two_tower", "session", "prerank", "ranker"):
        told = metrics_of(work, model)
        assert told["config"]["seed"] == getattr(recipe, model).seed
        assert not (work / model / "runs").exists(), "a finished step keeps no checkpoints"
    assert len(metrics_of(work, "ranker")["epochs"]) == 1 + recipe.ranker.epochs  # the wide part alone is the first
    assert len(metrics_of(work, "two_tower")["loss"]) == recipe.two_tower.epochs


def test_what_is_trained_is_not_trained_again(served, work):
    """Not even when it is told to stop at the day on which the data ends."""
    before = {path: path.stat().st_mtime_ns for path in work.rglob("*")}
    dates = served.dataset.dates(served.dataset.read("impressions", ("time_ms", "date")))
    told = served.cascade("train", "all", "--until", str(dates.max()), "--json")
    assert told.returncode == 0, told.stderr
    answer = json.loads(told.stdout)
    assert answer["work"] == str(work)
    assert answer["metrics"]["ranker"] == metrics_of(work, "ranker")
    assert {path: path.stat().st_mtime_ns for path in work.rglob("*")} == before
