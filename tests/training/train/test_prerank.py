"""Training of the pre-ranker on a real Ray."""

from dataclasses import replace

import numpy as np
import pytest
import xgboost

from kernels.features import NAMES
from tests.training.models.tiny import features
from training.train.prerank import PrerankTraining, boost

# Ray warns of its own defaults.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:ray")

HOW = PrerankTraining(trees=12, depth=3, leaf_weight=5, checkpoint_trees=5)


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
