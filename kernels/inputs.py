"""The feature matrix as a network takes it: standardised numbers, and codes for embedding rows."""

from typing import Final, NamedTuple

import numpy as np

from kernels.columns import F32, I64
from kernels.jit import kernel

#: Standardised values are cut off here, so that a value never seen in training cannot dominate.
LIMIT: Final = np.float32(4)


class InputColumns(NamedTuple):
    """Which columns of X[C, F] are taken, and how. D numbers, K codes."""

    numbers: I64  # [D] columns of X
    mean: F32  # [D] of tamed values
    inverse: F32  # [D] of their deviation
    codes: I64  # [K] columns of X
    offsets: I64  # [K] first row of each in the table that they share
    sizes: I64  # [K] rows of each; the first is for what training did not see


@kernel
def encode_inputs(x: F32, columns: InputColumns, numbers: F32, codes: I64) -> None:
    """Take the columns of x[C, F]: numbers into the first D columns of float32[C, >= D], codes into int64[C, K].

    Numbers are sign(x) log(1 + |x|), standardised and cut off at LIMIT; NaN stays NaN. Allocates nothing. The NumPy
    twins are `standardised` and `encoded` of `training.models.inputs`.
    """
    for i in range(len(x)):
        for d in range(len(columns.numbers)):
            value = x[i, columns.numbers[d]]
            tamed = value  # zeros, which most counts are, are spared the logarithm
            if value != 0:
                tamed = np.copysign(np.log1p(abs(value)), value)
            scaled = (tamed - columns.mean[d]) * columns.inverse[d]
            if scaled > LIMIT:
                scaled = LIMIT
            elif scaled < -LIMIT:
                scaled = -LIMIT
            numbers[i, d] = scaled
        for k in range(len(columns.codes)):
            code = np.int64(x[i, columns.codes[k]]) + 1
            if code < 0 or code >= columns.sizes[k]:
                code = np.int64(0)
            codes[i, k] = columns.offsets[k] + code
