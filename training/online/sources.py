"""What was learned of sources from feeds that favoured one of them: how much of a feed people liked, by context."""

from collections.abc import Sequence
from typing import Final, NamedTuple, Self

import msgspec
import numpy as np
import pyarrow as pa

from cluster.decisions import Decision
from kernels.actions import ACTIONS, BIT, POSITIVE
from kernels.arms import LinearArms, learn, linear_arms

#: Key of the state store under which it is.
KEY: Final = b"bandit:sources"
_FORMAT: Final = 1
#: A decision that favoured a source, and the reward of its feed.
Earned = tuple[Decision, float]
_LIKED: Final = [action for action in ACTIONS if BIT[action] & POSITIVE]


class UnreadableSources(ValueError):
    """Bytes that are no `LearnedSources`, or were written by another version."""


class LearnedSources(NamedTuple):
    """What each of A sources earns."""

    names: tuple[str, ...]
    arms: LinearArms

    @classmethod
    def nothing(cls, names: tuple[str, ...], dims: int) -> Self:
        return cls(names, linear_arms(len(names), dims))

    @property
    def dims(self) -> int:
        return int(self.arms.factor.shape[1])


class _Packed(msgspec.Struct, array_like=True, frozen=True):
    format: int
    names: tuple[str, ...]
    dims: int
    factor: bytes
    response: bytes
    rows: bytes


_decoder = msgspec.msgpack.Decoder(_Packed)


def encode_sources(learned: LearnedSources) -> bytes:
    arrays = (array.tobytes() for array in learned.arms)
    return msgspec.msgpack.encode(_Packed(_FORMAT, learned.names, learned.dims, *arrays))


def decode_sources(blob: bytes) -> LearnedSources:
    """Inverse of `encode_sources`. Raises UnreadableSources."""
    try:
        packed = _decoder.decode(blob)
        if packed.format != _FORMAT:
            raise ValueError(f"format {packed.format}")
        shape = len(packed.names), packed.dims
        arms = LinearArms(
            np.frombuffer(packed.factor).reshape(*shape, packed.dims).copy(),
            np.frombuffer(packed.response).reshape(shape).copy(),
            np.frombuffer(packed.rows, np.int64).reshape(shape[0]).copy(),
        )
    except (msgspec.DecodeError, ValueError) as error:
        raise UnreadableSources(str(error)) from None
    return LearnedSources(packed.names, arms)


def rewards(shown: pa.Table) -> dict[str, float]:
    """Of each request the share of its impressions that people did something positive with."""
    liked = np.any([shown[action].to_numpy(zero_copy_only=False) for action in _LIKED], axis=0)
    requests, of = np.unique(np.array(shown["request_id"].to_pylist(), str), return_inverse=True)
    shares = np.bincount(of, liked, minlength=len(requests)) / np.bincount(of, minlength=len(requests))
    return dict(zip(requests.tolist(), shares.tolist(), strict=True))


def learn_decisions(learned: LearnedSources | None, earned: Sequence[Earned]) -> LearnedSources:
    """Learn what decisions, one at least, have earned. Where sources or contexts are others than before, begin anew."""
    last = earned[-1][0]
    names, dims = last.arms, len(last.x)
    mine = [(of, reward) for of, reward in earned if of.arms == names and len(of.x) == dims]
    if learned is None or learned.names != names or learned.dims != dims:
        learned = LearnedSources.nothing(names, dims)
    arm = np.array([of.favoured for of, _ in mine])
    learn(learned.arms, arm, np.stack([of.x for of, _ in mine]), np.array([reward for _, reward in mine]))
    return learned
