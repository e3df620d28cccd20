"""The first layer of the ranker: what is left of it after its products of matrices."""

import numpy as np

from kernels.columns import F32, I64
from kernels.jit import kernel


@kernel
def finish_hidden(
    hidden: F32, post_rows: F32, posts: I64, shared: F32, request: I64, code_rows: F32, codes: I64
) -> None:
    """Add to hidden[C, D] what is known beforehand, and cut it off at 0: one pass instead of one for each term.

    Terms are added in this order, in float32. Allocates nothing.

    Args:
        hidden: float32[C, D], overwritten.
        post_rows: float32[P, D] of all posts, of which `posts` [C] are the candidates'.
        shared: float32[R, D] of all requests, of which `request` [C] are the candidates'.
        code_rows: float32[N, D] of all codes, of which `codes` [C, K] are the candidates'.
    """
    for i in range(len(hidden)):
        row, post, its = hidden[i], post_rows[posts[i]], shared[request[i]]
        for d in range(len(row)):
            row[d] = row[d] + post[d] + its[d]
        for k in range(codes.shape[1]):
            code = code_rows[codes[i, k]]
            for d in range(len(row)):
                row[d] += code[d]
        for d in range(len(row)):
            row[d] = np.float32(0) if row[d] < 0 else row[d]


def finish_hidden_numpy(
    hidden: F32, post_rows: F32, posts: I64, shared: F32, request: I64, code_rows: F32, codes: I64
) -> None:
    """The NumPy twin of `finish_hidden`."""
    hidden += post_rows[posts]
    hidden += shared[request]
    for column in codes.T:
        hidden += code_rows[column]
    np.maximum(hidden, 0, out=hidden)
