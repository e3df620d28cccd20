"""The NumPy twin of `kernels.session.encode_session`: the same network in the plainest way, of weights as trained."""

from collections.abc import Mapping

import numpy as np

from kernels.columns import F32, I64
from kernels.session import EPSILON, GAPS


def gap_bucket(seconds: F32) -> I64:
    """Bucket int64 in [0, GAPS) of seconds: floor(log2(1 + seconds)), to the bit; negative counts as 0."""
    _, exponents = np.frexp(1 + np.maximum(seconds, 0))
    buckets: I64 = np.minimum(exponents.astype(np.int64) - 1, GAPS - 1)
    return buckets


def encode_session_numpy(weights: Mapping[str, F32], blocks: int, vectors: F32, actions: F32, hours: F32) -> F32:
    """As `encode_session` with `session_weights(weights, blocks)`."""
    seconds = (hours[0] - hours) * np.float32(3600)
    x = vectors @ weights["post.weight"].T + weights["post.bias"] + actions
    x += weights["gap.weight"][gap_bucket(np.diff(seconds, prepend=seconds[:1]))]
    apart = np.log1p(np.maximum(seconds[:, None] - seconds, 0))
    for block in range(blocks):
        x = _block(weights, f"blocks.{block}.", x, apart, last=block == blocks - 1)
    x += weights["wait.weight"][gap_bucket(hours[-1:] * np.float32(3600))]
    vector: F32 = (_norm(weights, "norm.", x) @ weights["out.weight"].T + weights["out.bias"])[0]
    vector /= max(float(np.sqrt(vector @ vector)), 1e-12)
    return vector


def _block(weights: Mapping[str, F32], name: str, x: F32, apart: F32, last: bool) -> F32:
    """One block over x[L, W]; with `last`, its last row alone."""
    fading = weights[f"{name}fading"]
    h = _norm(weights, f"{name}before.", x)
    parts = h @ weights[f"{name}mix.weight"].T + weights[f"{name}mix.bias"]
    q, k, v = (part.reshape(len(x), len(fading), -1).transpose(1, 0, 2) for part in np.split(parts, 3, axis=1))
    if last:
        q, x, apart = q[:, -1:], x[-1:], apart[-1:]
    scores = q @ k.transpose(0, 2, 1) / np.float32(np.sqrt(q.shape[2]))
    scores -= fading * apart
    if not last:
        scores += np.triu(np.full(apart.shape, -np.inf, np.float32), 1)
    scores -= np.maximum.reduce(scores, 2, keepdims=True)
    np.exp(scores, out=scores)
    scores /= np.add.reduce(scores, 2, keepdims=True)
    mixed = (scores @ v).transpose(1, 0, 2).reshape(x.shape)
    x = x + mixed @ weights[f"{name}join.weight"].T + weights[f"{name}join.bias"]
    h = _norm(weights, f"{name}between.", x) @ weights[f"{name}wide.weight"].T + weights[f"{name}wide.bias"]
    np.maximum(h, 0, out=h)
    x += h @ weights[f"{name}narrow.weight"].T + weights[f"{name}narrow.bias"]
    return x


def _norm(weights: Mapping[str, F32], name: str, x: F32) -> F32:
    scaled: F32 = x - x.mean(axis=1, keepdims=True)
    scaled /= np.sqrt((scaled * scaled).mean(axis=1, keepdims=True) + EPSILON)
    scaled *= weights[f"{name}weight"]
    scaled += weights[f"{name}bias"]
    return scaled
