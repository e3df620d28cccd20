"""Structs of arrays in the memory of the current GPU."""

from typing import Any, NamedTuple, TypeVar

import numpy as np
from numba import cuda

T = TypeVar("T", bound=NamedTuple)

#: Threads of a block, where each has a row of its own.
THREADS = 128


def to_device(columns: T) -> T:
    """The same struct with all its arrays on the GPU; an empty array gets a row that nobody reads."""
    return type(columns)(*(cuda.to_device(_some(array)) for array in columns))


def to_host(columns: T) -> T:
    """The same struct with all its arrays in this process."""
    arrays: Any = columns
    return type(columns)(*(array.copy_to_host() for array in arrays))


def _some(array: Any) -> Any:
    whole = np.ascontiguousarray(array)
    return whole if whole.size else np.zeros(tuple(max(1, n) for n in whole.shape), whole.dtype)


def blocks(rows: int) -> int:
    """How many it takes for so many rows."""
    return -(-rows // THREADS)
