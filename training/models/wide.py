"""The wide part of the ranker: what is true of a user, a post or a context whatever it meets.

Cheng et al., "Wide & Deep Learning for Recommender Systems", 2016. `training.train.wide` fits it.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from kernels.columns import F32, I64
from kernels.features import INDEX
from kernels.logits import HOURS

#: Codes of a row beside its user and post; the first two are of the request.
CODES: Final = ("surface", "surface_hour", "post_topic", "post_duration")
OF_REQUEST: Final = 2
#: Lengths of videos between which the wide part tells apart, seconds.
DURATIONS_S: Final = (0.1, 5, 7, 9, 11, 14, 18, 20, 25, 30, 40, 50, 60, 90, 120, 180, 300)

#: Features that they are made of.
READ: Final = tuple(INDEX[name] for name in ("surface", "hour_of_day", "post_topic", "post_duration_s"))


def wide_columns(x: F32) -> F32:
    """The columns [C, 4] of X[C, F] that codes are made of."""
    columns: F32 = x[:, READ]
    return columns


def wide_sizes(columns: F32) -> tuple[int, ...]:
    """How many values each of CODES has in training rows."""
    surfaces, _, topics, _ = (int(most) + 1 for most in columns.max(0, initial=0))
    return surfaces, surfaces * HOURS, topics, len(DURATIONS_S) + 1


def wide_codes(columns: F32, sizes: Sequence[int]) -> I64:
    """Rows int64[C, K] of the table of all CODES; its row 0 is for values that training did not see."""
    surface, hour, topic = columns[:, :3].astype(np.int64).T
    duration = np.digitize(columns[:, 3], DURATIONS_S)
    codes = np.stack([surface, surface * HOURS + hour, topic, duration], 1)
    known = (codes >= 0) & (codes < np.array(sizes))
    rows: I64 = np.where(known, codes + np.cumsum((1, *sizes[:-1])), 0)
    return rows
