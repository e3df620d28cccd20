"""The two-tower model as it is served, in NumPy: a user's vector from the history, and the posts' vectors."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from kernels.columns import F32, I32, I64, U16

#: Width of user and post vectors.
DIM: Final = 64
#: Recency is told apart by powers of two of the hours since, up to some 20 days and "longer ago".
AGES: Final = 10
_FILES: Final = ("history_vectors", "action_weights", "age_weights", "bias")


def age_bucket(hours_since: F32) -> I32:
    """Bucket int32 in [0, AGES) of hours, by powers of two: under 1, under 3, under 7, ...; negative counts as 0."""
    buckets: I32 = np.minimum(np.log2(1 + np.maximum(hours_since, 0)), AGES - 1).astype(np.int32)
    return buckets


@dataclass(frozen=True, slots=True)
class UserTower:
    """A user's vector is a weighted sum over the posts in the history, with nothing known by user id.

    The weight of an impression is that of its actions times that of its age, so what a person did a second ago
    counts at the next request.
    """

    history_vectors: F32  # [P, D] a post as history
    action_weights: F32  # [1024] by action mask; negative for what repels
    age_weights: F32  # [AGES]
    bias: F32  # [D]

    @classmethod
    def load(cls, folder: Path) -> "UserTower":
        """Read what `save` wrote."""
        return cls(*(np.load(folder / f"{name}.npy") for name in _FILES))

    def save(self, folder: Path) -> None:
        """Write one .npy file per array, and `config.json` that describes them."""
        folder.mkdir(parents=True, exist_ok=True)
        for name in _FILES:
            np.save(folder / f"{name}.npy", getattr(self, name))
        posts, dim = self.history_vectors.shape
        (folder / "config.json").write_text(json.dumps({"posts": posts, "dim": dim, "ages": AGES}) + "\n")

    def encode(self, history_post: I64, history_actions: U16, hours_since: F32) -> F32:
        """Unit vector float32[D] of a user with H impressions (post rows, -1 = unknown; action masks; hours ago).

        Zeros when no post of the history is known: then there is nothing to go by.
        """
        weights = self.action_weights[history_actions] * self.age_weights[age_bucket(hours_since)]
        known = history_post >= 0
        if not known.all():
            weights, history_post = weights[known], history_post[known]
        mass = np.abs(weights).sum()
        if mass == 0:
            return np.zeros(self.bias.shape, np.float32)
        vector: F32 = weights @ self.history_vectors[history_post] / np.sqrt(mass) + self.bias
        vector /= max(float(np.sqrt(vector @ vector)), 1e-12)
        return vector
