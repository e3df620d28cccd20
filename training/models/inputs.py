"""The feature matrix as a network takes it: standardised numbers, and codes for embedding rows."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from cluster.errors import CascadeError
from kernels.columns import F32, I64
from kernels.features import INDEX, NAMES
from kernels.inputs import LIMIT, InputColumns

#: Features that are codes, not amounts.
CATEGORICAL: Final = (
    "user_preferred_kind",
    "post_kind",
    "post_topic",
    "hour_of_day",
    "day_of_week",
    "surface",
    "device",
    "connection",
    "app_version",
    "region",
)


@dataclass(frozen=True)
class Inputs:
    """How X[C, F] becomes numbers float32[C, D] and codes int64[C, K]; fitted once, on training rows.

    Numbers are sign(x) log(1 + |x|), which tames counts and hardly bends rates, then standardised and cut off at
    four deviations. Codes of all categorical features share one table: `offsets[k] + 1 + code`, where a code that
    training did not see counts as `offsets[k]`. Columns that never vary are left out.
    """

    numbers: tuple[str, ...]  # D feature names
    mean: tuple[float, ...]  # [D]
    deviation: tuple[float, ...]  # [D]
    categories: tuple[str, ...]  # K feature names
    sizes: tuple[int, ...]  # [K] rows of each feature in the table

    @classmethod
    def fit(cls, batches: Iterable[F32]) -> "Inputs":
        """Fit on all rows of `batches`, each X[n, F]. Raises CascadeError when they hold no row."""
        rows, total, squares = 0, np.zeros(len(NAMES)), np.zeros(len(NAMES))
        codes = [INDEX[name] for name in CATEGORICAL]
        largest, least = np.full(len(codes), -np.inf), np.full(len(codes), np.inf)
        for x in batches:
            tamed = _tame(x).astype(np.float64)
            rows, total, squares = rows + len(x), total + tamed.sum(0), squares + (tamed * tamed).sum(0)
            largest = np.maximum(largest, x[:, codes].max(0, initial=-np.inf))
            least = np.minimum(least, x[:, codes].min(0, initial=np.inf))
        if rows == 0:
            raise CascadeError("there are no training rows", "choose days on which the data has impressions")
        mean = total / rows
        deviation = np.sqrt(np.maximum(squares / rows - mean * mean, 0.0))
        varies = [n for n in NAMES if n not in CATEGORICAL and deviation[INDEX[n]] > 1e-6]
        coded = [k for k in range(len(codes)) if largest[k] > least[k]]
        return cls(
            tuple(varies),
            tuple(float(np.float32(mean[INDEX[name]])) for name in varies),
            tuple(float(np.float32(deviation[INDEX[name]])) for name in varies),
            tuple(CATEGORICAL[k] for k in coded),
            tuple(int(largest[k]) + 2 for k in coded),
        )

    @property
    def offsets(self) -> tuple[int, ...]:
        """First row of each categorical feature in the shared table."""
        return tuple(int(sum(self.sizes[:k])) for k in range(len(self.sizes)))

    def apply(self, x: F32) -> tuple[F32, I64]:
        """X[C, F] -> (float32[C, D], int64[C, K])."""
        columns = self.columns(self.numbers, self.categories)
        return standardised(x, columns), encoded(x, columns)

    def columns(self, numbers: Sequence[str], categories: Sequence[str]) -> InputColumns:
        """How these columns are taken, which are among `numbers` and `categories`."""
        at = np.array([self.numbers.index(name) for name in numbers], np.int64)
        coded = np.array([self.categories.index(name) for name in categories], np.int64)
        return InputColumns(
            numbers=np.array([INDEX[name] for name in numbers], np.int64),
            mean=np.array(self.mean, np.float32)[at],
            inverse=np.float32(1) / np.array(self.deviation, np.float32)[at],
            codes=np.array([INDEX[name] for name in categories], np.int64),
            offsets=np.array(self.offsets, np.int64)[coded],
            sizes=np.array(self.sizes, np.int64)[coded],
        )


def standardised(x: F32, columns: InputColumns) -> F32:
    """Tame, standardise and cut off the numbers of x[C, F]: float32[C, D]."""
    out: F32 = np.clip((_tame(x[:, columns.numbers]) - columns.mean) * columns.inverse, -LIMIT, LIMIT)
    return out


def encoded(x: F32, columns: InputColumns) -> I64:
    """Codes of x[C, F] as rows of the shared table: int64[C, K]."""
    codes = x[:, columns.codes].astype(np.int64) + 1
    known = (codes > 0) & (codes < columns.sizes)
    rows: I64 = np.where(known, codes, 0) + columns.offsets
    return rows


def _tame(x: F32) -> F32:
    tamed: F32 = np.copysign(np.log1p(np.abs(x)), x)
    return tamed
