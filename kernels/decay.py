"""Exponentially decayed counters: "how often lately", in constant memory, whatever the rate.

A counter of window w holds sum(exp(-(now - t) / w)) over its events. At a steady rate that is the number of events in
w, so it is named like a sliding window, but it forgets smoothly and keeps no list of events (Cohen and Strauss,
"Maintaining time-decaying stream aggregates", 2003). Counters of one row share one reference time. W = len(WINDOWS_MS).
"""

import math
from typing import Final

from kernels.columns import DAY_MS, F32, HOUR_MS, I64
from kernels.jit import kernel

WINDOWS_MS: Final = (HOUR_MS, DAY_MS, 7 * DAY_MS, 28 * DAY_MS)
#: Positions in WINDOWS_MS.
HOUR, DAY, WEEK, MONTH = range(4)


@kernel
def fade(age_ms: int, window_ms: int) -> float:
    """Weight of what is `age_ms` old; what lies ahead counts in full."""
    return math.exp(-age_ms / window_ms) if age_ms > 0 else 1.0


@kernel
def count(counts: F32, counted_ms: I64, row: int, column: int, amount: float, time_ms: int) -> None:
    """Add `amount` at `time_ms` to a column of counts[row] [W, N], and bring that row to the latest time it knows.

    A late event changes only its own column: by what is left of it.
    """
    age = time_ms - counted_ms[row]
    if age > 0:
        if counted_ms[row] > 0:
            for w in range(len(WINDOWS_MS)):
                weight = fade(age, WINDOWS_MS[w])
                for n in range(counts.shape[2]):
                    counts[row, w, n] *= weight
        counted_ms[row] = time_ms
    for w in range(len(WINDOWS_MS)):
        # Never below zero: what is taken back was rounded on its way.
        counts[row, w, column] = max(0.0, counts[row, w, column] + amount * fade(-age, WINDOWS_MS[w]))
