"""How much of the ranker's choice the pre-ranker keeps."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pytest

from cluster.settings import Settings
from training.data.dataset import DataSet
from training.evaluation import prerank
from training.evaluation.prerank import evaluate_prerank, share_kept
from training.evaluation.split import Split
from training.models.forest import forest_from_xgboost
from training.models.ranker import RankerModel
from training.train.prerank import COLUMNS, PrerankTraining, Rows, boost, booster_of, matrix
from training.train.run import to_numpy

# Ray warns of its own defaults.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:ray")


def test_the_share_counts_the_best_that_are_sent_on() -> None:
    worth = np.arange(300, dtype=np.float32)
    assert share_kept(worth, worth) == 1
    assert share_kept(worth, -worth) == 0
    assert share_kept(worth, np.where(worth < 290, worth, -1).astype(np.float32)) == 0.5


@pytest.fixture
def home(trained: Path) -> Path:
    [work] = (trained / "work").iterdir()
    return work


def test_trees_keep_more_of_the_rankers_choice_than_chance(
    world: DataSet, split: Split, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prerank, "FEEDS", 40)
    table: pa.Table = ds.dataset(home / "examples" / "days").to_table(columns=list(COLUMNS))
    rows, how = Rows.of(*(to_numpy(table[name]) for name in COLUMNS)), PrerankTraining(trees=20, leaf_weight=5)
    train = matrix(rows, how)
    *_, state = boost(how, train, matrix(rows, how, train), None, lambda *_: None)
    ranker, weights = RankerModel.load(home / "ranker"), Settings().rules.weights
    result = evaluate_prerank(world, split, forest_from_xgboost(booster_of(state)), ranker, weights, seed=1)
    assert result.feeds == 40
    assert result.candidates <= 300
    assert result.recall["chance"] == pytest.approx(100 / result.candidates)
    assert result.recall["chance"] + 0.1 < result.recall["pre-ranker"] <= 1
