"""Timing of training steps."""

from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from benchmarks.train import timed
from cluster.errors import CascadeError
from tests.training.models.tiny import POSTS, USERS, write_days
from training.models.ranker_network import RankerNetwork, Shape
from training.train.ranker_learner import Learner, RankerTraining
from training.train.ranker_rows import COLUMNS, Rows, rows_of
from training.train.ranker_survey import survey_of
from training.train.ranker_wide import WideConfig, fitted
from training.train.run import to_numpy


@pytest.fixture
def rows_and_learner(tmp_path: Path) -> tuple[Rows, Learner]:
    """45 batches an epoch, the last one smaller."""
    (file,) = write_days(tmp_path, days=1, rows=16 * 44 + 1)
    survey = survey_of([file], USERS, POSTS)
    table = pq.read_table(file)
    how = RankerTraining(batch=16)
    wide = fitted([file], USERS, POSTS, WideConfig.of(how))
    rows = rows_of([{name: to_numpy(table[name]) for name in COLUMNS}], survey.inputs, survey.heads, wide.sizes)
    shape = Shape(USERS, POSTS, len(survey.inputs.numbers), sum(survey.inputs.sizes), len(survey.heads))
    network = RankerNetwork(shape)
    return rows, Learner(network, network, wide, survey.heads, how)


def test_windows_are_timed_until_there_are_enough(rows_and_learner: tuple[Rows, Learner]) -> None:
    rows, learner = rows_and_learner
    seen: list[int] = []
    windows = timed(learner, rows, 0.2, lambda told: seen.append(len(told)))
    assert seen == list(range(1, len(windows) + 1))
    assert all(seconds > 0 for seconds in windows)
    assert sum(windows) >= 0.2 > sum(windows[:-1])


def test_too_few_rows_for_a_window_are_an_error(rows_and_learner: tuple[Rows, Learner]) -> None:
    rows, learner = rows_and_learner
    learner.how = replace(learner.how, batch=64)
    with pytest.raises(CascadeError, match="705 rows are 12 batches: a window has 20"):
        timed(learner, rows, 0.01, lambda told: None)
