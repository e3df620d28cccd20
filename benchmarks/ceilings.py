"""What this machine can do at best, measured: bytes copied and values loaded in a second, on one core."""

from collections.abc import Callable
from time import perf_counter

import numpy as np

from kernels.columns import F32, I32
from kernels.jit import kernel

#: Each measurement takes the best of this many rounds: a ceiling is what was reached once.
ROUNDS = 15
#: Entries of the table that `load_rate` reads: half of a common level-1 cache.
TABLE = 4096


def copy_bandwidth(touched: int) -> float:
    """Bytes per second, read and written, of a copy that touches `touched` bytes over and over.

    A small `touched` stays in cache and is copied that fast, so a kernel is held to the memory it really uses.
    """
    source, target = np.ones((2, max(16, touched // 8)), np.float32)
    repeats = 1 + (1 << 22) // source.nbytes
    return 2 * source.nbytes * repeats / _best(lambda: _copy(source, target, repeats))


def load_rate() -> float:
    """Scalar loads per second from level-1 cache: as many in flight as the core can hold, none waits for another."""
    table = np.ones(TABLE, np.int32)
    index = np.random.default_rng(0).integers(0, TABLE, TABLE, np.int32)
    return 2 * TABLE * 64 / _best(lambda: _gather(table, index, 64))


def _best(run: Callable[[], object]) -> float:
    """Seconds of the fastest of ROUNDS runs."""
    run()  # compiles
    times = []
    for _ in range(ROUNDS):
        start = perf_counter()
        run()
        times.append(perf_counter() - start)
    return min(times)


@kernel
def _copy(source: F32, target: F32, repeats: int) -> None:
    for repeat in range(repeats):
        for i in range(len(source)):
            target[i] = source[i]
        source[repeat % len(source)] += np.float32(1)  # or the compiler would copy once


@kernel
def _gather(table: I32, index: I32, repeats: int) -> int:
    total = 0
    for _ in range(repeats):
        for i in index:
            total += table[np.uint32(i)]
    return total
