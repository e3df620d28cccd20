"""The session encoder: a small causal transformer over a user's last impressions, for one user at a time.

Positions run along the last axis of every matrix: weights are used as they are stored, heads are contiguous, and means
and softmaxes of positions become sums of rows, which the compiler vectorises without reordering a sum. Letters in
shapes: L impressions, D = width of post vectors, W = width of the encoder, H heads, B blocks.
"""

import math
from collections.abc import Mapping
from typing import Final, NamedTuple

import numpy as np

from kernels.columns import F32
from kernels.jit import kernel, part

#: Gaps between actions are told apart by powers of two of their seconds, up to 24 days and "longer".
GAPS: Final = 22
EPSILON: Final = np.float32(1e-5)
_ZERO: Final = np.float32(0)
_HOUR_S: Final = np.float32(3600)
_SMALLEST: Final = np.float32(1e-12)


class SessionWeights(NamedTuple):
    """All float32, C order, writable. Scales and shifts of norms are part of the product that follows them."""

    post: F32  # [W, D]
    gap: F32  # [GAPS, W] with the bias of `post`
    wait: F32  # [GAPS, W]
    mix: F32  # [B, 3 W, W] queries (over the root of W / H), keys, values
    mix_bias: F32  # [B, 3 W]
    fading: F32  # [B, H]
    join: F32  # [B, W, W]
    join_bias: F32  # [B, W]
    wide: F32  # [B, 2 W, W]
    wide_bias: F32  # [B, 2 W]
    narrow: F32  # [B, W, 2 W]
    narrow_bias: F32  # [B, W]
    out: F32  # [D, W]
    out_bias: F32  # [D]


def session_weights(weights: Mapping[str, F32], blocks: int) -> SessionWeights:
    """Copies of trained weights (B = `blocks`), laid out for the kernel."""

    def stacked(name: str) -> F32:
        return np.stack([weights[f"blocks.{block}.{name}"] for block in range(blocks)])

    fading, width = stacked("fading").reshape(blocks, -1), len(weights["post.bias"])
    mix, mix_bias = _after_norm(*map(stacked, ("mix.weight", "mix.bias", "before.weight", "before.bias")))
    root = np.float32(np.sqrt(width // fading.shape[1]))
    mix[:, :width] /= root
    mix_bias[:, :width] /= root
    wide, wide_bias = _after_norm(*map(stacked, ("wide.weight", "wide.bias", "between.weight", "between.bias")))
    out, out_bias = _after_norm(*(weights[name] for name in ("out.weight", "out.bias", "norm.weight", "norm.bias")))
    return SessionWeights(
        post=np.array(weights["post.weight"]),
        gap=weights["gap.weight"] + weights["post.bias"],
        wait=np.array(weights["wait.weight"]),
        mix=mix,
        mix_bias=mix_bias,
        fading=fading,
        join=stacked("join.weight"),
        join_bias=stacked("join.bias"),
        wide=wide,
        wide_bias=wide_bias,
        narrow=stacked("narrow.weight"),
        narrow_bias=stacked("narrow.bias"),
        out=out,
        out_bias=out_bias,
    )


def _after_norm(weight: F32, bias: F32, scale: F32, shift: F32) -> tuple[F32, F32]:
    """Weight [..., O, I] and bias [..., O] that take what a norm gives before its scale and shift [..., I]."""
    return weight * scale[..., None, :], bias + (weight @ shift[..., None])[..., 0]


@kernel
def encode_session(weights: SessionWeights, vectors: F32, actions: F32, hours: F32) -> F32:
    """Unit vector float32[D] of what a user is after now, all arithmetic in float32.

    Args:
        weights: of a trained encoder.
        vectors: float32[L, D], C order, of the posts of L >= 1 impressions, oldest first.
        actions: float32[L, W] what was done, C order: rows of the trained `actions`.
        hours: float32[L] ago; negative and out of order count as no time apart.
    """
    width, length = len(weights.post), len(vectors)
    seconds = (hours[0] - hours) * _HOUR_S
    x, h = np.empty((width, length), np.float32), np.empty((width, length), np.float32)
    np.dot(weights.post, vectors.T, x)
    for i in range(length):
        action, gap = actions[i], weights.gap[_gap(seconds[i] - seconds[max(i - 1, 0)])]
        for w in range(width):
            x[w, i] += action[w] + gap[w]
    _blocks_before_last(weights, x, h, seconds)
    _norm(x, h)
    last = x[:, length - 1 :].copy()
    _last_block(weights, h, seconds, last)
    wait = weights.wait[_gap(hours[length - 1] * _HOUR_S)]
    for w in range(width):
        last[w, 0] += wait[w]
    normed, vector = np.empty_like(last), np.empty((len(weights.out), 1), np.float32)
    _norm(last, normed)
    _product(weights.out, normed, weights.out_bias, vector)
    square = _ZERO
    for d in range(len(vector)):
        square += vector[d, 0] * vector[d, 0]
    unit: F32 = vector[:, 0] / max(np.sqrt(square), _SMALLEST)
    return unit


@part
def _blocks_before_last(weights: SessionWeights, x: F32, h: F32, seconds: F32) -> None:
    """All blocks but the last over x[W, L]; h[W, L] is scratch."""
    width, length = x.shape
    blocks, heads = weights.fading.shape
    if blocks == 1:
        return
    size = width // heads
    apart, scores = np.empty((length, length), np.float32), np.empty((length, length), np.float32)
    parts, mixed = np.empty((3 * width, length), np.float32), np.empty((width, length), np.float32)
    for j in range(length):
        for i in range(j, length):
            apart[j, i] = _apart(seconds[i] - seconds[j])
    for b in range(blocks - 1):
        _norm(x, h)
        _product(weights.mix[b], h, weights.mix_bias[b], parts)
        for a in range(heads):
            begin, end = a * size, (a + 1) * size
            np.dot(parts[width + begin : width + end].T, parts[begin:end], scores)
            total = _causal_softmax(scores, apart, weights.fading[b, a])
            its = mixed[begin:end]
            np.dot(parts[2 * width + begin : 2 * width + end], scores, its)
            for c in range(size):
                for i in range(length):
                    its[c, i] *= total[i]
        _finish(weights, b, x, mixed, h, parts[: 2 * width])


@kernel
def _causal_softmax(scores: F32, apart: F32, fading: np.float32) -> F32:
    """Replace scores[key, query] by their exponentials, faded by apart[key, query], 0 for keys after the query.

    Returns float32[query] that they are still to be multiplied by.
    """
    length = len(scores)
    most, total = np.full(length, -np.inf, np.float32), np.zeros(length, np.float32)
    for j in range(length):
        row, its = scores[j], apart[j]
        for i in range(j, length):
            row[i] -= fading * its[i]
            most[i] = row[i] if row[i] > most[i] else most[i]
    for j in range(length):
        row = scores[j]
        for i in range(j):
            row[i] = _ZERO
        for i in range(j, length):
            row[i] = np.exp(row[i] - most[i])
            total[i] += row[i]
    return np.float32(1) / total


@part
def _last_block(weights: SessionWeights, h: F32, seconds: F32, last: F32) -> None:
    """The last block for the last position alone, last[W, 1], of what the norm gave of all, h[W, L].

    No keys and values are computed: a query times keys is the query through the keys' weights, times h, and the biases
    of keys move all scores alike, so that the softmax drops them. Values likewise: their biases count once.
    """
    width, length = h.shape
    b, heads = len(weights.fading) - 1, weights.fading.shape[1]
    size = width // heads
    mix, bias = weights.mix[b], weights.mix_bias[b]
    query = np.dot(mix[:width], h[:, length - 1].copy()) + bias[:width]
    asked, seen = np.empty((heads, width), np.float32), np.empty((heads, width), np.float32)
    scores, mixed = np.empty((heads, length), np.float32), np.empty(width, np.float32)
    for a in range(heads):
        begin, end = a * size, (a + 1) * size
        np.dot(query[begin:end], mix[width + begin : width + end], asked[a])
    np.dot(asked, h, scores)
    for a in range(heads):
        row, most, total = scores[a], np.float32(-np.inf), _ZERO
        for i in range(length):
            row[i] -= weights.fading[b, a] * _apart(seconds[length - 1] - seconds[i])
            most = max(most, row[i])
        for i in range(length):
            row[i] = np.exp(row[i] - most)
            total += row[i]
        row /= total
    np.dot(scores, h.T, seen)
    for a in range(heads):
        begin, end = a * size, (a + 1) * size
        np.dot(mix[2 * width + begin : 2 * width + end], seen[a], mixed[begin:end])
    mixed += bias[2 * width :]
    _finish(weights, b, last, mixed.reshape(width, 1), np.empty_like(last), np.empty((2 * width, 1), np.float32))


@part
def _finish(weights: SessionWeights, b: int, x: F32, mixed: F32, h: F32, wide: F32) -> None:
    """Add to x[W, L] what block `b` makes of mixed[W, L]; h[W, L] and wide[2 W, L] are scratch."""
    np.dot(weights.join[b], mixed, h)
    _add(h, weights.join_bias[b], x)
    _norm(x, h)
    _product(weights.wide[b], h, weights.wide_bias[b], wide)
    for o in range(len(wide)):
        row = wide[o]
        for i in range(len(row)):
            row[i] = max(row[i], _ZERO)
    np.dot(weights.narrow[b], wide, h)
    _add(h, weights.narrow_bias[b], x)


@kernel
def _product(weight: F32, x: F32, bias: F32, out: F32) -> None:
    np.dot(weight, x, out)
    for o in range(len(out)):
        row = out[o]
        for i in range(len(row)):
            row[i] += bias[o]


@kernel
def _add(h: F32, bias: F32, x: F32) -> None:
    for w in range(len(x)):
        row, its = x[w], h[w]
        for i in range(len(row)):
            row[i] += its[i] + bias[w]


@kernel
def _norm(x: F32, out: F32) -> None:
    """Write each column of x[W, L] with mean 0 and variance 1."""
    width, length = x.shape
    mean, spread = np.zeros(length, np.float32), np.zeros(length, np.float32)
    for w in range(width):
        row = x[w]
        for i in range(length):
            mean[i] += row[i]
    for i in range(length):
        mean[i] /= np.float32(width)
    for w in range(width):
        row, its = x[w], out[w]
        for i in range(length):
            its[i] = row[i] - mean[i]
            spread[i] += its[i] * its[i]
    for i in range(length):
        spread[i] = np.float32(1) / np.sqrt(spread[i] / np.float32(width) + EPSILON)
    for w in range(width):
        its = out[w]
        for i in range(length):
            its[i] *= spread[i]


@kernel
def _apart(seconds: np.float32) -> np.float32:
    apart: np.float32 = np.log(np.float32(1) + max(seconds, _ZERO))
    return apart


@kernel
def _gap(seconds: np.float32) -> int:
    """As `gap_bucket`."""
    return min(math.frexp(np.float32(1) + max(seconds, _ZERO))[1] - 1, GAPS - 1)
