"""The load of a day, second by second."""

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ive

from benchmarks.planning.demand import DAY_S, check
from cluster.errors import CascadeError, InvalidField

F64 = NDArray[np.float64]
#: When people ask most.
EVENING_S: Final = 20.5 * 3600
#: How long a crowd stays.
CROWD_S: Final = 15 * 60
COLUMNS: Final = ("hour", "load")


@dataclass(frozen=True, slots=True)
class Curve:
    """Load over its mean, for each second of the day."""

    load: F64  # [DAY_S], mean 1
    told: str

    @property
    def peak(self) -> float:
        return round(float(self.load.max()), 9)

    def feeds(self, mean: float, crowd: float = 1.0) -> F64:
        """Feeds/s, `crowd` times as many for a quarter of an hour from the peak on. Raises InvalidField."""
        check("flash_crowd", crowd, 1, 1000)
        feeds = self.load * mean
        begin = int(self.load.argmax())
        feeds[begin : begin + CROWD_S] *= crowd
        return feeds


def evening(peak: float) -> Curve:
    """A bell around the clock (von Mises) with its top at 20:30, `peak` times as high as its mean."""
    check("peak_factor", peak, 1, 20)
    # exp(k cos x) has the mean I0(k); ive(0, k) is I0(k) exp(-k).
    k = brentq(lambda k: 1 / ive(0, k) - peak, 0.0, 1e4) if peak > 1 else 0.0
    hours = 2 * np.pi * (np.arange(DAY_S) - EVENING_S) / DAY_S
    load = np.exp(k * (np.cos(hours) - 1))
    return Curve(load / load.mean(), f"a bell around the clock (von Mises), highest at 20:30, {peak:g} times its mean")


def read_curve(path: Path) -> Curve:
    """Loads of hours, in any unit, of a CSV file with the columns hour and load; straight lines between them.

    Raises CascadeError or InvalidField naming file and row.
    """
    try:
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CascadeError(
            f"{path} cannot be read: {error}", "give a CSV file with the columns hour and load"
        ) from None
    points = [_point(path, number, row) for number, row in enumerate(rows, start=2)]
    hours, loads = np.array(points).reshape(-1, 2).T
    if not len(hours) or (np.diff(hours) <= 0).any():
        raise InvalidField(f"{path}: hour", hours.tolist(), "there must be hours, each later than the one before")
    if not loads.any():
        raise InvalidField(f"{path}: load", loads.tolist(), "must not all be 0")
    load = np.interp(np.arange(DAY_S) / 3600, hours, loads, period=24)
    return Curve(load / load.mean(), f"{path}, {len(hours)} hours")


def _point(path: Path, number: int, row: dict[str, str]) -> tuple[float, float]:
    """Hour and load of a row. Raises InvalidField."""
    values = []
    for name, most in zip(COLUMNS, (24.0, 1e13), strict=True):
        try:
            value = float(row[name])
        except (KeyError, TypeError, ValueError):
            value = np.nan
        if not 0 <= value <= most or (name == "hour" and value == most):
            limit = "0 to below 24" if name == "hour" else "0 or more"
            raise InvalidField(f"{path}, row {number}: {name}", row.get(name), f"must be a number, {limit}")
        values.append(value)
    return values[0], values[1]
