"""What cannot be trained on is said before any work is done."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cluster.errors import CascadeError, InvalidField
from cluster.settings import Settings
from tests.training.features.worlds import small_dataset
from tests.training.models.tiny import POSTS, USERS, write_days
from training.train.all import train
from training.train.prerank import PrerankTraining, train_prerank
from training.train.ranker import train_ranker
from training.train.ranker_learner import RankerTraining
from training.train.ranker_wide import WideConfig, fitted
from training.train.steps import Step


def test_days_without_impressions_are_named_with_those_there_are(tmp_path: Path) -> None:
    message = "--until has value 20200101: no impression lies there; the data has 20231114 to 20231223"
    with pytest.raises(InvalidField, match=message):
        train(Settings(home=tmp_path), small_dataset(tmp_path / "data"), until=20200101)


def test_too_few_days_are_counted(tmp_path: Path) -> None:
    with pytest.raises(CascadeError, match="0 days are left after 2 days of warm-up, at least 2 are needed"):
        train(Settings(home=tmp_path), small_dataset(tmp_path / "data"), ["ranker"], until=20231114)


@pytest.fixture
def one_class(tmp_path: Path) -> list[Path]:
    """Two days on which nobody did anything, and nobody's watch time is known."""
    files = write_days(tmp_path / "days", days=2, rows=50)
    for file in files:
        table = pq.read_table(file)
        for name, value in (("actions", np.uint16(0)), ("watch_s", np.float32(np.nan))):
            column = pa.array(np.full(50, value))
            table = table.set_column(table.column_names.index(name), name, column)
        pq.write_table(table, file)
    return files


def test_one_class_is_nothing_to_learn_from(tmp_path: Path, one_class: list[Path]) -> None:
    wide = fitted(one_class[:-1], USERS, POSTS, WideConfig.of(RankerTraining()))
    with pytest.raises(CascadeError, match="nothing to rank by: in all training rows each action was always done, ne"):
        train_ranker(Step("ranker", tmp_path, RankerTraining(), {}), one_class, USERS, POSTS, wide)
    with pytest.raises(CascadeError, match="nothing to choose by: all training rows have the grade 0"):
        train_prerank(Step("prerank", tmp_path, PrerankTraining(), {}), one_class)
