"""What a bandit chose for one feed, and with which chance: kept for as long as people may act on it.

`decision:{request_id}` in the state store; of a share of the users. Whose feed it was it does not say.
"""

from collections.abc import Sequence
from typing import Final, Self

import msgspec
import numpy as np
import pyarrow as pa
from msgspec import Struct
from numpy.typing import NDArray

F64 = NDArray[np.float64]


class UnreadableDecision(ValueError):
    """Bytes that are no decision."""


class Decision(Struct, array_like=True, frozen=True):
    """A arms, D numbers of context."""

    arms: tuple[str, ...]  # sources that may be favoured
    context: bytes  # float64[D]
    chances: bytes  # float64[A] of each arm; 0 where it was not allowed
    favoured: int  # the arm that was chosen; -1 = none
    explored: int = -1  # id of the post in the exploration slot; -1 = none
    explored_chance: float = 0.0

    @classmethod
    def of(cls, arms: tuple[str, ...], x: F64, chances: F64, favoured: int) -> Self:
        return cls(arms, x.astype(np.float64).tobytes(), chances.astype(np.float64).tobytes(), favoured)

    @property
    def x(self) -> F64:
        """[D]"""
        return np.frombuffer(self.context, np.float64)

    @property
    def propensities(self) -> F64:
        """[A]"""
        return np.frombuffer(self.chances, np.float64)


_decoder = msgspec.msgpack.Decoder(Decision)


def decision_key(request_id: str) -> bytes:
    return b"decision:" + request_id.encode()


def encode_decision(decision: Decision) -> bytes:
    return msgspec.msgpack.encode(decision)


def decode_decision(blob: bytes) -> Decision:
    """Raises UnreadableDecision."""
    try:
        decision = _decoder.decode(blob)
        if len(decision.propensities) != len(decision.arms) or decision.favoured >= len(decision.arms):
            raise ValueError("arms and chances do not fit")
        _ = decision.x
    except (msgspec.DecodeError, ValueError) as error:
        raise UnreadableDecision(str(error)) from None
    return decision


#: Decisions whose time is over, with what they earned: a row each, in files below `archive/decisions`.
SCHEMA: Final = pa.schema(
    [
        pa.field("arms", pa.list_(pa.string()), nullable=False),
        pa.field("context", pa.list_(pa.float64()), nullable=False),
        pa.field("chances", pa.list_(pa.float64()), nullable=False),
        pa.field("favoured", pa.int32(), nullable=False),
        pa.field("reward", pa.float64(), nullable=False),
    ]
)


def decisions_table(decisions: Sequence[tuple[Decision, float]]) -> pa.Table:
    """Decisions that favoured something, with their rewards: SCHEMA."""
    rows = [
        {
            "arms": list(of.arms),
            "context": of.x.tolist(),
            "chances": of.propensities.tolist(),
            "favoured": of.favoured,
            "reward": reward,
        }
        for of, reward in decisions
        if of.favoured >= 0
    ]
    return pa.Table.from_pylist(rows, schema=SCHEMA)
