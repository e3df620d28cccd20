"""Top-k: the positions of the k best scores, best first, by radix selection and radix sort.

Both work on the digits of an integer key that orders as the scores do (Knuth, TAOCP 3, 5.2.5): linear time, and no
branch that depends on the data, which at a few hundred scores is what costs a comparison sort its time.
"""

import numpy as np
from numpy.typing import NDArray

from kernels.columns import F32, I64
from kernels.jit import kernel

U32 = NDArray[np.uint32]

#: Bits of the key that select, and of each digit that sorts.
_SELECT_BITS = 11
_DIGIT_BITS = 8


@kernel
def top_k(scores: F32, k: int) -> I64:
    """Positions in scores[C] of the min(k, C) best, best first; none when k is negative.

    NaN comes after every other score, -inf included; equal scores keep their order of position (0.0 equals -0.0).
    Allocates O(C) per call.
    """
    count = len(scores)
    k = max(0, min(k, count))
    keys = np.empty(count, np.uint32)
    for i in range(count):
        keys[i] = _descending_key(scores[i])
    positions = np.arange(count)
    if k < count:
        positions = _smallest_buckets(keys, k)
    return _sorted_by_key(keys, positions)[:k]


@kernel
def _descending_key(score: np.float32) -> np.uint32:
    """An integer that is smaller the better the score; NaN has the largest."""
    if score != score:
        return np.uint32(0xFFFFFFFF)
    bits = np.float32(score + np.float32(0)).view(np.uint32)  # adding 0.0 turns -0.0 into 0.0
    return bits if bits >> np.uint32(31) else np.uint32(0x7FFFFFFF) - bits


@kernel
def _smallest_buckets(keys: U32, k: int) -> I64:
    """Positions, ascending, of the keys in the leading buckets that together hold the k smallest."""
    shift = np.uint32(32 - _SELECT_BITS)
    sizes = np.zeros(1 << _SELECT_BITS, np.int64)
    for key in keys:
        sizes[key >> shift] += 1
    held, buckets = 0, 0
    while held < k:
        held += sizes[buckets]
        buckets += 1
    positions = np.empty(held + 1, np.int64)  # one to spare, so that the store needs no branch
    kept = 0
    for i in range(len(keys)):
        positions[kept] = i
        kept += keys[i] >> shift < buckets
    return positions[:held]


@kernel
def _sorted_by_key(keys: U32, positions: I64) -> I64:
    """`positions` in order of their keys: a stable radix sort, least digit first."""
    count, base = len(positions), 1 << _DIGIT_BITS
    starts = np.zeros((32 // _DIGIT_BITS, base), np.int64)
    for i in positions:
        for digit in range(len(starts)):
            starts[digit, _digit(keys[i], digit)] += 1
    target = np.empty(count, np.int64)
    for digit in range(len(starts)):
        if count and starts[digit, _digit(keys[positions[0]], digit)] == count:
            continue  # all keys share it
        start = 0
        for d in range(base):
            start, starts[digit, d] = start + starts[digit, d], start
        for i in positions:
            value = _digit(keys[i], digit)
            target[starts[digit, value]] = i
            starts[digit, value] += 1
        positions, target = target, positions
    return positions


@kernel
def _digit(key: np.uint32, digit: int) -> np.uint32:
    return (key >> np.uint32(digit * _DIGIT_BITS)) & np.uint32((1 << _DIGIT_BITS) - 1)


def top_k_numpy(scores: F32, k: int) -> I64:
    """The NumPy twin of `top_k`."""
    return np.argsort(-scores, kind="stable")[: max(0, k)]
