"""A correction: what was learned since a ranker was trained, as small changes of its logits.

    logit' = scale_h * logit + shift_h + effect_ph        for head h and post p

Letters in shapes: N rows, H heads, P posts that have an effect of their own.
"""

from typing import NamedTuple, Self

import msgspec
import numpy as np

from kernels.columns import F32, I64

#: A probability is kept this far from 0 and 1, so that its logit is finite.
_EDGE = 1e-6


class UnreadableCorrection(ValueError):
    """Bytes that are none, or were written by another version."""


class Correction(NamedTuple):
    """Heads that it does not name, such as watch time, are left alone."""

    heads: tuple[str, ...]
    scale: F32  # [H]
    shift: F32  # [H]
    post_ids: I64  # [P] ascending
    effect: F32  # [P, H]

    @classmethod
    def identity(cls, heads: tuple[str, ...]) -> Self:
        """The correction that changes nothing."""
        h = len(heads)
        ones, none = np.ones(h, np.float32), np.zeros((0, h), np.float32)
        return cls(heads, ones, np.zeros(h, np.float32), np.zeros(0, np.int64), none)

    @property
    def changes(self) -> bool:
        """Whether it changes anything."""
        return bool((self.scale != 1).any() or self.shift.any() or len(self.post_ids))

    def logits(self, logits: F32, post_ids: I64) -> F32:
        """Corrected logits of logits[N, H] of the posts [N]."""
        return logits * self.scale + self.shift + self.effects(post_ids)

    def undone(self, logits: F32, post_ids: I64) -> F32:
        """The logits [N, H] that `logits` makes these of."""
        before: F32 = (logits - self.shift - self.effects(post_ids)) / self.scale
        return before

    def effects(self, post_ids: I64) -> F32:
        """What posts [N] add to each head: float32[N, H], zero for posts that have no effect of their own."""
        found = np.searchsorted(self.post_ids, post_ids)
        found[found == len(self.post_ids)] = -1
        known = self.post_ids[found] == post_ids if len(self.post_ids) else np.zeros(len(post_ids), np.bool_)
        effects = np.zeros((len(post_ids), len(self.heads)), np.float32)
        effects[known] = self.effect[found[known]]
        return effects

    def with_head(self, h: int, of: Self) -> Self:
        """This correction with the head of number `h` as in `of`."""
        ids = np.union1d(self.post_ids, of.post_ids)
        scale, shift, effect = self.scale.copy(), self.shift.copy(), self.effects(ids)
        scale[h], shift[h] = of.scale[h], of.shift[h]
        effect[:, h] = of.effects(ids)[:, h]
        some = effect.any(axis=1)
        return type(self)(self.heads, scale, shift, ids[some], effect[some])


def correction_key(release: str) -> bytes:
    """Key of the state store under which the live correction of a release's ranker is."""
    return b"correction:" + release.encode()


class _Packed(msgspec.Struct, array_like=True, frozen=True):
    format: int
    heads: tuple[str, ...]
    scale: bytes
    shift: bytes
    post_ids: bytes
    effect: bytes


_FORMAT = 1
_decoder = msgspec.msgpack.Decoder(_Packed)


def encode_correction(correction: Correction) -> bytes:
    arrays = (correction.scale, correction.shift, correction.post_ids, correction.effect)
    return msgspec.msgpack.encode(_Packed(_FORMAT, correction.heads, *(array.tobytes() for array in arrays)))


def decode_correction(blob: bytes) -> Correction:
    """Raises UnreadableCorrection."""
    try:
        packed = _decoder.decode(blob)
        h = len(packed.heads)
        scale, shift, effect = (np.frombuffer(b, np.float32) for b in (packed.scale, packed.shift, packed.effect))
        correction = Correction(
            packed.heads, scale, shift, np.frombuffer(packed.post_ids, np.int64), effect.reshape(-1, h)
        )
    except (msgspec.DecodeError, ValueError) as error:
        raise UnreadableCorrection(str(error)) from None
    sound = len(scale) == len(shift) == h and len(correction.effect) == len(correction.post_ids)
    if packed.format != _FORMAT or not sound or not all(np.isfinite(array).all() for array in (scale, shift, effect)):
        raise UnreadableCorrection("its arrays do not fit together")
    return correction


def to_logits(probabilities: F32) -> F32:
    """Log-odds, finite also for 0 and 1."""
    p = np.clip(probabilities, _EDGE, 1 - _EDGE)
    return np.log(p) - np.log1p(-p)


def to_probabilities(logits: F32) -> F32:
    out: F32 = (1 / (1 + np.exp(-np.clip(logits, -60, 60)))).astype(np.float32)
    return out
