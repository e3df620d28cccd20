"""The one way a kernel is compiled: no GIL, no Python objects, machine code cached on disk beside the source."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar, cast

import numba

P = ParamSpec("P")
R = TypeVar("R")


def kernel(function: Callable[P, R]) -> Callable[P, R]:
    """Compile `function` with Numba. Fast-math stays off: a kernel must agree with its NumPy twin to the bit."""
    return cast(Callable[P, R], numba.njit(nogil=True, cache=True)(function))
