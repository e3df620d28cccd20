"""The one way a kernel is compiled: no GIL, no Python objects, machine code cached on disk beside the source."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, TypeVar, cast

import numba

P = ParamSpec("P")
R = TypeVar("R")


def kernel(function: Callable[P, R]) -> Callable[P, R]:
    """Compile `function` with Numba. Fast-math stays off: a kernel must agree with its NumPy twin to the bit."""
    return cast(Callable[P, R], numba.njit(nogil=True, cache=True)(function))


def part(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a part of kernels, which becomes one with each: a call would copy structures of arrays, word by word."""
    return cast(Callable[P, R], numba.njit(nogil=True, cache=True, forceinline=True)(function))


def _cache_folder() -> Path:
    """A folder of their own for the machine code of exactly these sources.

    Numba takes cached code for stale only when the kernel's own file changed, yet a kernel freezes the constants and
    the kernels that it takes from other files.
    """
    here = Path(__file__).parent
    digest = hashlib.sha256()
    for source in sorted(here.rglob("*.py")):
        digest.update(source.read_bytes())
    return Path(numba.config.CACHE_DIR or here / "__pycache__") / f"kernels-{digest.hexdigest()[:16]}"


numba.config.CACHE_DIR = str(_cache_folder())
