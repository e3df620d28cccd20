"""Fibonacci hashing (Knuth, The Art of Computer Programming 3, section 6.4): spreads ids that follow one another."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from kernels.columns import I64, U32

#: 2**64 divided by the golden ratio.
_GOLDEN: Final = 0x9E3779B97F4A7C15


def hashed(ids: I64) -> U32:
    """32 bits of each id, spread evenly: uint32 in the shape of `ids`."""
    high: NDArray[np.uint32] = (ids.astype(np.uint64) * np.uint64(_GOLDEN) >> np.uint64(32)).astype(np.uint32)
    return high


def share_of(id_: int) -> float:
    """Where in [0, 1) an id falls; always the same place."""
    return ((id_ * _GOLDEN & 2**64 - 1) >> 11) / 2**53
