import numpy as np
import pytest

from cluster.errors import InvalidField
from tests.training.features.worlds import small_dataset
from training.evaluation.split import Split
from training.features.log import Log


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return small_dataset(tmp_path_factory.mktemp("split") / "data")  # 14 November to 23 December 2023


def test_a_range_and_a_single_day():
    assert Split.parse("20220428", "20220429:20220504") == Split(20220428, 20220429, 20220504)
    assert Split.parse("20211231", "20220101") == Split(20211231, 20220101, 20220101)


@pytest.mark.parametrize(
    ("until", "test", "field", "value"),
    [
        ("20220431", "20220501", "--train-until", "20220431"),
        ("28 April", "20220501", "--train-until", "28 April"),
        ("", "20220501", "--train-until", ""),
        ("20220428", "20220429:20220532", "--test", "20220532"),
        ("20220428", "", "--test", ""),
        ("20220428", "20220429:20220504:20220505", "--test", "20220504:20220505"),
        ("20220428", "20220428:20220504", "--test", "20220428:20220504"),
        ("20220428", "20220420", "--test", "20220420"),
        ("20220428", "20220504:20220429", "--test", "20220504:20220429"),
    ],
)
def test_wrong_days_are_refused_by_name(until, test, field, value):
    with pytest.raises(InvalidField) as error:
        Split.parse(until, test)
    assert (error.value.field, error.value.value) == (field, value)
    assert "yyyymmdd" in error.value.allowed or "FIRST:LAST" in error.value.allowed


@pytest.mark.parametrize(
    ("split", "field"),
    [(Split(20231101, 20231120, 20231121), "--train-until"), (Split(20231201, 20240201, 20240203), "--test")],
)
def test_days_without_data_are_refused_with_those_that_have_some(dataset, split, field):
    with pytest.raises(InvalidField, match="the data has 20231114 to 20231223") as error:
        split.check(dataset)
    assert error.value.field == field


def test_a_split_takes_every_row_of_its_days_and_no_other(dataset):
    split, log = Split(20231201, 20231202, 20231205), Log.load(dataset)
    split.check(dataset)
    rows, snapshot = split.test_rows(log), split.snapshot_ms(log)
    assert len(np.unique(log.impressions.date[rows])) == 4
    assert log.impressions.time_ms[rows].min() >= snapshot
    assert len(rows) == ((log.impressions.time_ms >= snapshot) & (log.impressions.date <= 20231205)).sum()
    assert log.day_start_ms(log.day(snapshot)) == snapshot
