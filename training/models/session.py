"""The session encoder as it is served: what a person is after now, by order and time of the last actions.

A small causal transformer over the vectors that the two-tower model gave the posts; its answer lies among those same
vectors, so it is searched for in the same index. Kang and McAuley, "Self-attentive sequential recommendation", ICDM
2018, with times instead of places: what an action is to another depends on how long ago it was.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import msgspec
import numpy as np

from cluster.errors import CascadeError
from kernels.columns import F32, I64, U16
from kernels.session import GAPS as GAPS
from kernels.session import SessionWeights, encode_session, session_weights
from kernels.session_numpy import gap_bucket as gap_bucket


@dataclass(frozen=True, slots=True)
class SessionShape:
    """What a session encoder is made of."""

    length: int = 50  # last impressions that are looked at
    width: int = 64
    heads: int = 2
    blocks: int = 2


@dataclass(frozen=True, slots=True)
class SessionEncoder:
    """A trained session encoder. `encode` allocates its own scratch, so threads may share one."""

    shape: SessionShape
    weights: Mapping[str, F32]  # as `SessionNetwork.weights` names them; memory-mapped where loaded
    laid_out: SessionWeights  # the same for the kernel; `dataclasses.replace` keeps them
    history_vectors: F32  # [P, D] a post as history: those of the two-tower model that it was trained with

    @classmethod
    def of(cls, shape: SessionShape, weights: Mapping[str, F32], history_vectors: F32) -> "SessionEncoder":
        """An encoder of these weights."""
        return cls(shape, weights, session_weights(weights, shape.blocks), history_vectors)

    @classmethod
    def load(cls, folder: Path, history_vectors: F32) -> "SessionEncoder":
        """Open what `save` wrote. Raises CascadeError when it is missing or damaged."""
        try:
            shape = msgspec.json.decode((folder / "config.json").read_bytes(), type=SessionShape)
            names = msgspec.json.decode((folder / "weights.json").read_bytes(), type=list[str])
            weights = {name: np.asarray(np.load(folder / f"{name}.npy", mmap_mode="r")) for name in names}
            encoder = cls.of(shape, weights, history_vectors)
        except (OSError, ValueError, KeyError, msgspec.DecodeError) as error:
            raise CascadeError(
                f"{folder} holds no session encoder: {error}", "train it: `cascade train session`"
            ) from None
        # Warm-up may meet nobody with a history, so the kernel is compiled, or read from disk, here.
        width, size = encoder.laid_out.post.shape
        vectors, actions = np.zeros((1, size), np.float32), np.zeros((1, width), np.float32)
        encode_session(encoder.laid_out, vectors, actions, np.zeros(1, np.float32))
        return encoder

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
        if not len(known):
            return np.zeros_like(self.weights["out.bias"])
        # Gathered here, for the kernel would be compiled anew for memory that is mapped or may not be written.
        vectors, done = self.history_vectors[posts[known]], self.weights["actions"][actions[known]]
        return encode_session(self.laid_out, vectors, done, hours[known])
