"""Training of the pre-ranker on a real Ray."""

from dataclasses import replace

import numpy as np
import pytest
import xgboost

from kernels.actions import BIT
from kernels.features import INDEX, NAMES
from kernels.trees import predict_forest
from tests.training.models.tiny import features
from training.evaluation.metrics import gauc
from training.models.forest import forest_from_xgboost
from training.train.prerank import PrerankTraining, Rows, boost, booster_of, matrix

# Ray warns of its own defaults.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:ray")

HOW = PrerankTraining(trees=12, depth=3, leaf_weight=5, checkpoint_trees=5)


@pytest.fixture(params=["logistic", "lambdamart"])
def how(request: pytest.FixtureRequest) -> PrerankTraining:
    return replace(HOW, objective=request.param)


def _rows(rng: np.random.Generator, rows: int = 500) -> Rows:
    """Whether a post is viewed long follows from its rate; users are more or less easily pleased."""
    x, user = features(rng, rows), rng.integers(0, 20, rows)
    liked = rng.random(rows) < 0.4 * x[:, INDEX["post_long_view_rate_28d"]] + 0.6 * (user % 2)
    return Rows.of(x, (liked * BIT["long_view"]).astype(np.uint16), user, rng.integers(0, 3, rows))


def test_a_resumed_run_ends_with_the_same_trees(how: PrerankTraining) -> None:
    rng = np.random.default_rng(0)
    train = matrix(_rows(rng), how)
    valid = matrix(_rows(rng), how, train)
    told: list[int] = []

    def follow(trees: int, loss: float, valid_loss: float) -> None:
        told.append(trees)

    whole = list(boost(how, train, valid, None, follow))
    assert [state["trees"] for state in whole] == [5, 10, 12]
    assert told == list(range(1, 13))
    for state in whole[:2]:
        resumed = list(boost(how, train, valid, state, follow))
        assert resumed[-1]["booster"].equal(whole[-1]["booster"])
        assert resumed[-1]["loss"] == whole[-1]["loss"]
    assert list(boost(how, train, valid, whole[-1], follow)) == []
    *_, other = boost(replace(how, seed=2), train, valid, None, follow)
    assert not other["booster"].equal(whole[-1]["booster"])


def test_trees_of_either_objective_order_a_list_and_serve_alike(how: PrerankTraining) -> None:
    rng = np.random.default_rng(0)
    train, rows = matrix(_rows(rng, 4000), how), _rows(rng, 4000)
    *_, state = boost(how, train, matrix(rows, how, train), None, lambda *_: None)
    booster = booster_of(state)
    margin = np.empty(len(rows.x), np.float32)
    predict_forest(forest_from_xgboost(booster), rows.x, margin)
    own = booster.predict(xgboost.DMatrix(rows.x, feature_names=list(NAMES)), output_margin=True)
    np.testing.assert_allclose(margin, own, rtol=1e-5, atol=1e-6)
    liked = (rows.actions & BIT["long_view"]) != 0
    chance = gauc(rows.lists, liked, np.zeros(len(margin)))
    assert gauc(rows.lists, liked, margin) > chance + 0.1


def test_a_list_is_what_one_user_was_shown_on_one_day() -> None:
    user, day = np.array([1, 2, 1, 1]), np.array([8, 8, 9, 8])
    rows = Rows.of(np.arange(4, dtype=np.float32)[:, None], np.zeros(4, np.uint16), user, day)
    assert rows.x[:, 0].tolist() == [0, 3, 1, 2]
    assert rows.lists.tolist() == [1, 1, 2, 3]
