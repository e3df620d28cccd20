"""Trends of posts, of all people and by region: what is liked faster now than its day leads to expect."""

from typing import Final

import numpy as np

from kernels.actions import ACTIONS, COUNT, POSITIVE
from kernels.columns import F32, I32, I64
from kernels.decay import DAY, HOUR, WINDOWS_MS, fade
from kernels.jit import kernel
from kernels.post_features import excess, trend

#: Regions whose share in a post's trend is kept: those with the most positive actions lately.
REGIONS: Final = 8
NO_REGION: Final = 0
_FIRST_ACTION = COUNT[ACTIONS[0]]


@kernel
def fold_regions(
    ids: I64,
    hour: F32,
    day: F32,
    told_ms: I64,
    rows: I32,
    regions: I64,
    columns: I32,
    amounts: F32,
    times_ms: I64,
) -> None:
    """Fold E effects into the positive actions by region of P posts, in order, in place.

    Args:
        ids: int64[P, REGIONS] region ids; NO_REGION = free.
        hour, day: float32[P, REGIONS] positive actions, decayed over an hour and over a day.
        told_ms: int64[P] reference time of both.
        rows, columns, amounts, times_ms: as in `kernels.fold.fold_counts`.
        regions: int64[E] where it happened.
    """
    for e in range(len(rows)):
        p, bit, region = rows[e], columns[e] - _FIRST_ACTION, regions[e]
        if p < 0 or region == NO_REGION or bit < 0 or bit >= len(ACTIONS) or not (POSITIVE >> bit) & 1:
            continue
        age = times_ms[e] - told_ms[p]
        if age > 0:
            for r in range(REGIONS):
                hour[p, r] *= fade(age, WINDOWS_MS[HOUR])
                day[p, r] *= fade(age, WINDOWS_MS[DAY])
            told_ms[p] = times_ms[e]
        place = 0
        for r in range(REGIONS):
            if ids[p, r] == region:
                place = r
                break
            if day[p, r] < day[p, place]:
                place = r
        if ids[p, place] != region:
            ids[p, place], hour[p, place], day[p, place] = region, 0.0, 0.0
        hour[p, place] = max(0.0, hour[p, place] + amounts[e] * fade(-age, WINDOWS_MS[HOUR]))
        day[p, place] = max(0.0, day[p, place] + amounts[e] * fade(-age, WINDOWS_MS[DAY]))


@kernel
def trends(counts: F32, counted_ms: I64, now_ms: int, out: F32) -> None:
    """Write the trend of each of P posts at `now_ms` from counts [P, W, N] into `out` float32[P]."""
    for p in range(len(out)):
        age = now_ms - counted_ms[p]
        out[p] = trend(counts[p], fade(age, WINDOWS_MS[HOUR]), fade(age, WINDOWS_MS[DAY]))


@kernel
def regional_trends(hour: F32, day: F32, told_ms: I64, now_ms: int, out: F32) -> None:
    """Write the trends of P posts in each of their regions into `out` float32[P, REGIONS]."""
    for p in range(len(out)):
        age = now_ms - told_ms[p]
        for r in range(REGIONS):
            out[p, r] = excess(
                np.float64(hour[p, r]) * fade(age, WINDOWS_MS[HOUR]), np.float64(day[p, r]) * fade(age, WINDOWS_MS[DAY])
            )
