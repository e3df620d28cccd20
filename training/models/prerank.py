"""What the pre-ranker learns: one grade per impression, a coarse form of the utility that the feed is ordered by."""

from typing import Final

import numpy as np

from kernels.actions import BIT, NEGATIVE
from kernels.columns import F32, U16

#: What an action adds to the grade of an impression. A clear negative makes it 0.
GRADES: Final = {
    "click": 0.1,
    "profile_visit": 0.1,
    "like": 0.4,
    "long_view": 0.6,
    "comment": 0.6,
    "save": 0.6,
    "share": 0.8,
    "follow": 0.8,
}


def grades(actions: U16) -> F32:
    """Grade float32[N] in [0, 1] of action masks[N]."""
    grade = np.zeros(len(actions), np.float32)
    for name, worth in GRADES.items():
        grade += np.float32(worth) * ((actions & BIT[name]) != 0)
    grade[(actions & NEGATIVE) != 0] = 0
    return np.minimum(grade, np.float32(1))
