"""Trunks of the ranker as serving uses them: the arithmetic of `training.models.trunks` in NumPy.

`weights` are those of the trunk, by the names that torch gives them; the large layers are made by `layer`, all others
in full precision. Letters in shapes as there.
"""

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np

from cluster.errors import CascadeError
from kernels.columns import F32
from training.models.dense import Layer, MakeLayer, full

#: hidden float32[B, D] -> logits float32[B, H]
Trunk = Callable[[F32], F32]


def shared_bottom(weights: Mapping[str, F32], layer: MakeLayer) -> Trunk:
    shared, heads = _linear(weights, "layer", layer), _linear(weights, "heads")
    return lambda hidden: heads(_relu(shared(hidden)))


def mixture_of_experts(weights: Mapping[str, F32], layer: MakeLayer) -> Trunk:
    experts, gates = _linear(weights, "experts", layer), _linear(weights, "gates")
    head, bias = np.ascontiguousarray(weights["heads.weight"].T), weights["heads.bias"]
    width, count = head.shape

    def logits(hidden: F32) -> F32:
        said = _relu(experts(hidden)).reshape(len(hidden), -1, width) @ head
        gate = _softmax(gates(hidden).reshape(len(hidden), count, -1))
        out: F32 = (gate.transpose(0, 2, 1) * said).sum(1) + bias
        return out

    return logits


def progressive_extraction(weights: Mapping[str, F32], layer: MakeLayer) -> Trunk:
    if layer is not full:
        raise CascadeError("a ranker with a PLE trunk is served in fp32 only", "set ranker.precision to fp32")
    levels = [_extraction(weights, level) for level in range(_levels(weights))]
    head, bias = weights["heads.weight"], weights["heads.bias"]

    def logits(hidden: F32) -> F32:
        mixed: F32 = np.broadcast_to(hidden, (len(bias) + 1, *hidden.shape))
        for level in levels:
            mixed = level(mixed)
        out: F32 = (mixed @ head[:, :, None])[:, :, 0].T + bias
        return out

    return logits


TRUNKS: Final = {"shared": shared_bottom, "mmoe": mixture_of_experts, "ple": progressive_extraction}


def _extraction(weights: Mapping[str, F32], level: int) -> Callable[[F32], F32]:
    """[H + 1, B, D] -> [H + 1, B, T]; the last level leaves out the shared one."""
    part = {name: weights[f"levels.{level}.{name}"] for name in ("own", "own_bias", "shared", "shared_bias", "gate")}
    shared_gate = weights.get(f"levels.{level}.shared_gate")

    def extract(parts: F32) -> F32:
        own = _relu(parts[:-1] @ part["own"] + part["own_bias"])
        shared = _relu(parts[-1] @ part["shared"] + part["shared_bias"])
        gate = _softmax(parts[:-1] @ part["gate"])
        mixed: F32 = gate[:, :, :1] * own + np.einsum("hbe,ebt->hbt", gate[:, :, 1:], shared, optimize=True)
        if shared_gate is None:
            return mixed
        gate = _softmax(parts[-1:] @ shared_gate)
        common = np.einsum("gbe,ebt->gbt", gate, np.concatenate([own, shared]), optimize=True)
        both: F32 = np.concatenate([mixed, common])
        return both

    return extract


def _levels(weights: Mapping[str, F32]) -> int:
    return sum(name.endswith(".own") for name in weights)


def _linear(weights: Mapping[str, F32], name: str, layer: MakeLayer = full) -> Layer:
    return layer(weights[f"{name}.weight"], weights[f"{name}.bias"])


def _relu(x: F32) -> F32:
    return np.maximum(x, 0, out=x)


def _softmax(x: F32) -> F32:
    odds: F32 = np.exp(x - x.max(-1, keepdims=True))
    odds /= odds.sum(-1, keepdims=True)
    return odds
