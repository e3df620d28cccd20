"""What is trained on and what is tested on, by local days."""

from dataclasses import dataclass

import numpy as np

from cluster.errors import InvalidField
from kernels.columns import I64
from training.data.dataset import DataSet
from training.features.examples import day_name, day_number
from training.features.log import Log


@dataclass(frozen=True, slots=True)
class Split:
    """Train on days up to `train_until`, test on `first` to `last`; all of them yyyymmdd."""

    train_until: int
    first: int
    last: int

    @classmethod
    def parse(cls, train_until: str, test: str) -> "Split":
        """From `20220428` and `20220429:20220504` (or one day). Raises InvalidField."""
        begin, _, end = test.partition(":")
        split = cls(_date("--train-until", train_until), _date("--test", begin), _date("--test", end or begin))
        if not split.train_until < split.first <= split.last:
            raise InvalidField("--test", test, f"must be FIRST:LAST, after {train_until} and in this order")
        return split

    def snapshot_ms(self, log: Log) -> int:
        """End of the last day that is trained on."""
        return log.day_start_ms(day_number(str(self.train_until)) + 1)

    def check(self, dataset: DataSet) -> None:
        """Raises InvalidField when the data has nothing to train on, or nothing to test on."""
        dates = dataset.dates(dataset.read("impressions", ("time_ms", "date")))
        parts = {
            "--train-until": (self.train_until, dates <= self.train_until),
            "--test": (f"{self.first}:{self.last}", (dates >= self.first) & (dates <= self.last)),
        }
        for field, (value, rows) in parts.items():
            if not rows.any():
                there = f"the data has {dates.min()} to {dates.max()}"
                raise InvalidField(field, value, f"no impression lies there; {there}")

    def test_rows(self, log: Log) -> I64:
        """Impressions of the test days, in time order."""
        dates = log.impressions.date
        return np.flatnonzero((dates >= self.first) & (dates <= self.last))


def _date(field: str, text: str) -> int:
    try:
        return int(day_name(day_number(text)))
    except ValueError:
        raise InvalidField(field, text, "must be a date as yyyymmdd") from None
