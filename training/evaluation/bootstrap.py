"""How sure a figure is: lists drawn again with replacement, and what the metrics are on each draw.

Efron, "Bootstrap methods: another look at the jackknife", Annals of Statistics 1979; over lists, because rows of one
list are not independent. A draw is how often it took each list, so a metric on it is two products with what is known
of each list, never a pass over rows. All metrics and scorers see the same draws: the difference of two scorers on
the same lists is the difference of their draws, and whatever makes a list hard for both cancels out.
"""

from collections.abc import Mapping
from typing import NamedTuple, TypeVar

import numpy as np

from cluster.errors import CascadeError
from training.evaluation.metrics import ByList
from training.evaluation.ranked import F64

#: Draws of lists, and the share of them that an interval holds.
RESAMPLES = 1_000
LEVEL = 0.95
#: Draws counted at a time.
_BLOCK = 50

Name = TypeVar("Name")


class Interval(NamedTuple):
    """An estimate, and the percentiles between which LEVEL of its resamples lie."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, draws: F64) -> "Interval":
        """Of a metric's draws, as `resample` gives them; draws on which it is not defined are left out."""
        known = draws[1:][~np.isnan(draws[1:])]
        if np.isnan(draws[0]) or not len(known):
            return cls(float(draws[0]), float("nan"), float("nan"))
        low, high = np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        return cls(float(draws[0]), float(low), float(high))


def resample(metrics: Mapping[Name, ByList], resamples: int = RESAMPLES, seed: int = 0) -> dict[Name, F64]:
    """Draws f64[1 + resamples] of each metric: first its value on the lists themselves, then on every resample.

    Draws are paired: arithmetic of them gives draws of what is computed, as of a difference or a mean of metrics.
    Raises CascadeError when the metrics are not all of the same number of lists.
    """
    lists = {len(metric.total) for metric in metrics.values()}
    if len(lists) != 1:
        raise CascadeError(f"metrics of {sorted(lists)} lists cannot be compared", "measure them on the same lists")
    count = lists.pop()
    rng = np.random.default_rng(seed)
    columns = np.stack([column for metric in metrics.values() for column in metric], axis=1)
    drawn = []
    for begin in range(0, resamples, _BLOCK):
        block = min(_BLOCK, resamples - begin)
        taken = np.stack([np.bincount(rng.integers(0, count, count), minlength=count) for _ in range(block)])
        drawn.append(taken @ columns)
    total, weight = np.concatenate(drawn).reshape(-1, len(metrics), 2).transpose(2, 0, 1)
    values = np.divide(total, weight, out=np.full(total.shape, np.nan), where=weight != 0)
    return {name: np.append(metric.value, values[:, m]) for m, (name, metric) in enumerate(metrics.items())}


def difference(a: F64, b: F64) -> Interval:
    """How much more a is than b, from their draws on the same lists."""
    return Interval.of(a - b)


def not_worse(a: F64, b: F64, tolerance: float = 0.0) -> bool:
    """Whether a, from its draws, is not below b beyond noise: not so when all of the interval of a - b lies below.

    `tolerance`: by how much it may lie below 0. A difference that is not defined is no proof of anything: False.
    """
    return difference(a, b).high >= -tolerance
