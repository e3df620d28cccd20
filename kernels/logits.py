"""The end of the ranker: what is added to the trunk's logits, and what predictions they make.

The NumPy twins of what it does are `wide_codes` of `training.models.wide` and `to_predictions` of
`training.models.ranker`. Letters in shapes: C candidates of R requests, E embedding, M matches, H heads.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from kernels.columns import F32, I64
from kernels.jit import kernel, part

#: Of a day.
HOURS: Final = 24


class Wide(NamedTuple):
    """The wide part's tables; row 0 of each is for what training did not see."""

    user: F32  # [U + 1, H]
    post: F32  # [P + 1, H]
    codes: F32  # [1 + sum of sizes, H]
    sizes: I64  # [4] values of each code: surface, surface and hour, topic, length
    columns: I64  # [4] of X: surface, hour, topic, length
    lengths: NDArray[np.float64]  # between which it tells apart, ascending


class Calibration(NamedTuple):
    """From logits to predictions."""

    scale: F32  # [H]
    shift: F32  # [H]
    watch: I64  # [0 or 1] the head that predicts seconds, from log(1 + seconds); all others predict a probability
    most: F32  # [1] the largest log(1 + seconds)


@kernel
def match_embeddings(posts: F32, rows: I64, users: F32, request: I64, out: F32, first: int) -> None:
    """Write the product of each candidate's embedding and its user's, summed in M groups, behind column `first`.

    Args:
        posts: float32[P + 1, E], of which `rows` [C] are the candidates'.
        users: float32[R, E], of which `request` [C] are the candidates'.
        out: float32[C, first + M].
    """
    groups = out.shape[1] - first
    width = posts.shape[1] // groups
    for i in range(len(rows)):
        post, user = posts[rows[i]], users[request[i]]
        for g in range(groups):
            total = np.float32(0)
            for e in range(g * width, (g + 1) * width):
                total += post[e] * user[e]
            out[i, first + g] = total


@part
def _wide_codes(of: F32, wide: Wide) -> tuple[np.int64, np.int64, np.int64, np.int64]:
    """Each code of a candidate with the features of[F]."""
    surface, hour = np.int64(of[wide.columns[0]]), np.int64(of[wide.columns[1]])
    length = 0
    while length < len(wide.lengths) and wide.lengths[length] <= of[wide.columns[3]]:
        length += 1
    return surface, surface * HOURS + hour, np.int64(of[wide.columns[2]]), np.int64(length)


@kernel
def finish_logits(
    logits: F32,
    inputs: F32,
    first: int,
    match_heads: F32,
    wide: Wide,
    users: I64,
    request: I64,
    posts: I64,
    x: F32,
    calibration: Calibration,
) -> None:
    """Turn the trunk's logits[C, H] into calibrated predictions, in place. Allocates nothing.

    Args:
        inputs: float32[C, first + M] with `match_embeddings` behind column `first`.
        match_heads: float32[M, H].
        users: int64[R] rows of `wide.user`, of which `request` [C] are the candidates'.
        posts: int64[C] rows of `wide.post`.
        x: float32[C, F].
    """
    heads, watch = logits.shape[1], -1
    if len(calibration.watch):
        watch = calibration.watch[0]
    for i in range(len(logits)):
        row = logits[i]
        for m in range(len(match_heads)):
            match = inputs[i, first + m]
            for h in range(heads):
                row[h] += match * match_heads[m, h]
        user, post = wide.user[users[request[i]]], wide.post[posts[i]]
        for h in range(heads):
            row[h] += user[h] + post[h]
        begin = 1
        for k, code in enumerate(_wide_codes(x[i], wide)):
            known = 0 <= code < wide.sizes[k]
            of_code = wide.codes[begin + code if known else 0]
            for h in range(heads):
                row[h] += of_code[h]
            begin += wide.sizes[k]
        for h in range(heads):
            value = row[h] * calibration.scale[h] + calibration.shift[h]
            if h == watch:
                row[h] = np.expm1(min(max(value, np.float32(0)), calibration.most[0]))
            else:
                value = min(max(value, np.float32(-60)), np.float32(60))
                row[h] = np.float32(1) / (np.float32(1) + np.exp(-value))
