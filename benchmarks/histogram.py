"""Percentiles of latencies, by HdrHistogram: constant relative precision from a microsecond to minutes."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from hdrh.histogram import HdrHistogram
from numpy.typing import NDArray

#: Microseconds; longer values count as this.
LONGEST: Final = 600_000_000
DIGITS: Final = 3


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Milliseconds; NaN when there was no value."""

    p50: float
    p90: float
    p99: float
    p999: float
    max: float


def percentiles(seconds: NDArray[np.float64]) -> Percentiles:
    """Percentiles of `seconds` (float64[n], finite), in milliseconds, to three significant digits."""
    if not len(seconds):
        return Percentiles(*[float("nan")] * 5)
    histogram = HdrHistogram(1, LONGEST, DIGITS)
    for value in np.clip(seconds * 1e6, 1, LONGEST).astype(np.int64).tolist():
        histogram.record_value(value)
    values = [histogram.get_value_at_percentile(p) for p in (50, 90, 99, 99.9, 100)]
    return Percentiles(*(value / 1000 for value in values))
