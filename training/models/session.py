"""The session encoder as it is served, in NumPy: what a person is after now, by order and time of the last actions.

A small causal transformer over the vectors that the two-tower model gave the posts; its answer lies among those same
vectors, so it is searched for in the same index. Kang and McAuley, "Self-attentive sequential recommendation", ICDM
2018, with times instead of places: what an action is to another depends on how long ago it was.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from cluster.errors import CascadeError
from kernels.columns import F32, I64, U16

#: Gaps between actions are told apart by powers of two of their seconds, up to 24 days and "longer".
GAPS: Final = 22
_EPSILON: Final = np.float32(1e-5)


@dataclass(frozen=True, slots=True)
class SessionShape:
    """What a session encoder is made of."""

    length: int = 50  # last impressions that are looked at
    width: int = 64
    heads: int = 2
    blocks: int = 2


def gap_bucket(seconds: F32) -> I64:
    """Bucket int64 in [0, GAPS) of seconds: floor(log2(1 + seconds)), to the bit; negative counts as 0."""
    _, exponents = np.frexp(1 + np.maximum(seconds, 0))
    buckets: I64 = np.minimum(exponents.astype(np.int64) - 1, GAPS - 1)
    return buckets


@dataclass(frozen=True, slots=True)
class SessionEncoder:
    """A trained session encoder. `encode` allocates its own scratch, so threads may share one."""

    shape: SessionShape
    weights: Mapping[str, F32]  # as `SessionNetwork.weights` names them; memory-mapped where loaded
    history_vectors: F32  # [P, D] a post as history: those of the two-tower model that it was trained with

    @classmethod
    def load(cls, folder: Path, history_vectors: F32) -> "SessionEncoder":
        """Open what `save` wrote. Raises CascadeError when it is missing or damaged."""
        try:
            shape = msgspec.json.decode((folder / "config.json").read_bytes(), type=SessionShape)
            names = msgspec.json.decode((folder / "weights.json").read_bytes(), type=list[str])
            weights = {name: np.asarray(np.load(folder / f"{name}.npy", mmap_mode="r")) for name in names}
        except (OSError, ValueError, msgspec.DecodeError) as error:
            raise CascadeError(
                f"{folder} holds no session encoder: {error}", "train it: `cascade train session`"
            ) from None
        return cls(shape, weights, history_vectors)

    def save(self, folder: Path) -> None:
        """Write one .npy file a weight, and what they make; history vectors stay with the two-tower model."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, weight in self.weights.items():
            np.save(folder / f"{name}.npy", weight)
        (folder / "weights.json").write_bytes(msgspec.json.encode(sorted(self.weights)) + b"\n")
        (folder / "config.json").write_bytes(msgspec.json.encode(asdict(self.shape)) + b"\n")

    def encode(self, posts: I64, actions: U16, hours: F32) -> F32:
        """Unit vector float32[D] of a user with H impressions, oldest first: post rows, action masks, hours ago.

        Posts that are unknown (-1) are passed over; zeros when none is left.
        """
        known = np.flatnonzero(posts >= 0)[-self.shape.length :]
        weights = self.weights
        if not len(known):
            return np.zeros_like(weights["out.bias"])
        seconds = (hours[known[0]] - hours[known]) * np.float32(3600)
        x = self.history_vectors[posts[known]] @ weights["post.weight"].T + weights["post.bias"]
        x += weights["actions"][actions[known]]
        x += weights["gap.weight"][gap_bucket(np.diff(seconds, prepend=seconds[:1]))]
        apart = np.log1p(np.maximum(seconds[:, None] - seconds, 0))
        for block in range(self.shape.blocks):
            x = self._block(f"blocks.{block}.", x, apart, last=block == self.shape.blocks - 1)
        x += weights["wait.weight"][gap_bucket(hours[known[-1:]] * np.float32(3600))]
        vector: F32 = (self._norm("norm.", x) @ weights["out.weight"].T + weights["out.bias"])[0]
        vector /= max(float(np.sqrt(vector @ vector)), 1e-12)
        return vector

    def _block(self, name: str, x: F32, apart: F32, last: bool) -> F32:
        """One block over x[L, W]; with `last`, its last row alone."""
        weights, heads = self.weights, self.shape.heads
        h = self._norm(f"{name}before.", x)
        parts = h @ weights[f"{name}mix.weight"].T + weights[f"{name}mix.bias"]
        q, k, v = (part.reshape(len(x), heads, -1).transpose(1, 0, 2) for part in np.split(parts, 3, axis=1))
        if last:
            q, x, apart = q[:, -1:], x[-1:], apart[-1:]
        scores = q @ k.transpose(0, 2, 1) / np.float32(np.sqrt(q.shape[2]))
        scores -= weights[f"{name}fading"] * apart
        if not last:
            scores += np.triu(np.full(apart.shape, -np.inf, np.float32), 1)
        scores -= np.maximum.reduce(scores, 2, keepdims=True)
        np.exp(scores, out=scores)
        scores /= np.add.reduce(scores, 2, keepdims=True)
        mixed = (scores @ v).transpose(1, 0, 2).reshape(x.shape)
        x += mixed @ weights[f"{name}join.weight"].T + weights[f"{name}join.bias"]
        h = self._norm(f"{name}between.", x) @ weights[f"{name}wide.weight"].T + weights[f"{name}wide.bias"]
        np.maximum(h, 0, out=h)
        x += h @ weights[f"{name}narrow.weight"].T + weights[f"{name}narrow.bias"]
        return x

    def _norm(self, name: str, x: F32) -> F32:
        scaled: F32 = x - _mean(x)
        scaled /= np.sqrt(_mean(scaled * scaled) + _EPSILON)
        scaled *= self.weights[f"{name}weight"]
        scaled += self.weights[f"{name}bias"]
        return scaled


def _mean(x: F32) -> F32:
    """float32[L, 1] means of rows; np.mean's own bookkeeping takes longer than they do."""
    mean: F32 = np.add.reduce(x, 1, keepdims=True)
    mean /= np.float32(x.shape[1])
    return mean
