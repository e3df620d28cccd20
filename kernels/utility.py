"""Utility: what a feed maximises, a weighted sum of the ranker's heads."""

import numpy as np

from kernels.columns import F32
from kernels.jit import kernel


@kernel
def utility(heads: F32, weights: F32, out: F32) -> None:
    """Write sum over h of heads[C, H] * weights[H] to out[C], in float32 and in the order of the heads.

    A term that is not a number (a head that is NaN, zero times infinity) counts as 0, so that one broken head does
    not hide a post. Infinite terms of both signs make the sum NaN, which ranks last. Allocates nothing. Raises
    ValueError when the shapes do not fit.
    """
    if heads.shape[1] != len(weights) or heads.shape[0] != len(out):
        raise ValueError("heads must be [C, H], weights [H] and out [C]")
    for i in range(heads.shape[0]):
        total = np.float32(0)
        for h in range(len(weights)):
            term = heads[i, h] * weights[h]
            total += term if term == term else np.float32(0)
        out[i] = total


def utility_numpy(heads: F32, weights: F32, out: F32) -> None:
    """The NumPy twin of `utility`."""
    if heads.shape[1] != len(weights) or heads.shape[0] != len(out):
        raise ValueError("heads must be [C, H], weights [H] and out [C]")
    out[:] = 0
    with np.errstate(invalid="ignore", over="ignore"):
        for head, weight in zip(heads.T, weights, strict=True):
            term = head * weight
            out += np.where(np.isnan(term), np.float32(0), term)
