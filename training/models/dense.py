"""The large layer of the ranker's trunk, three quarters of its products, in full or in less precision.

bf16 and int8 are torch's, by oneDNN and FBGEMM: they use what the processor has for them (AMX, AVX-512 BF16, VNNI).
The first layer stays float32: its inputs are few and of all sizes, and neither would be faster.
"""

import warnings
from collections.abc import Callable, Mapping
from typing import Final

import numpy as np

from cluster.errors import CascadeError
from cluster.ranker_backend import Precision
from kernels.columns import F32

#: x float32[B, K] -> float32[B, N]
Layer = Callable[[F32], F32]
#: A layer of weight float32[N, K] and bias float32[N], if it has one.
MakeLayer = Callable[[F32, F32 | None], Layer]


def full(weight: F32, bias: F32 | None = None) -> Layer:
    """In float32, by NumPy."""
    columns = np.ascontiguousarray(weight.T)

    def apply(x: F32) -> F32:
        out: F32 = x @ columns
        if bias is not None:
            out += bias
        return out

    return apply


def has_bf16() -> bool:
    """Whether this processor has what bf16 needs."""
    import torch

    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def bf16(weight: F32, bias: F32 | None = None) -> Layer:
    """Factors rounded to 8 bits of mantissa, sums in float32. Raises CascadeError where there is no AVX-512."""
    import torch

    if not has_bf16():
        raise CascadeError(
            "ranker.precision is bf16, but this processor has no AVX-512 to compute it with",
            "set ranker.precision to fp32 or int8",
        )
    # In the order in which oneDNN wants it, for any number of rows.
    packed = torch.ops.mkldnn._reorder_linear_weight(torch.from_numpy(weight.copy()).bfloat16(), None)

    @torch.inference_mode()
    def apply(x: F32) -> F32:
        halves = torch.from_numpy(x).bfloat16()
        out: F32 = torch.ops.mkldnn._linear_pointwise(halves, packed, None, "none", [], "").float().numpy()
        if bias is not None:
            out += bias
        return out

    return apply


def int8(weight: F32, bias: F32 | None = None) -> Layer:
    """Weights rounded to a 127th of the largest of their unit, inputs to a 255th of the range of their batch."""
    import torch

    weights = torch.from_numpy(weight.copy())
    scales = weights.abs().amax(1).clamp_min(1e-12) / 127
    zeros = torch.zeros(len(weights), dtype=torch.int64)
    with warnings.catch_warnings():
        # torch will name such tensors otherwise one day; its version is pinned.
        warnings.filterwarnings("ignore", "torch.quantize_per_tensor", UserWarning)
        whole = torch.quantize_per_channel(weights, scales, zeros, 0, torch.qint8)
    engine, torch.backends.quantized.engine = torch.backends.quantized.engine, "fbgemm"
    packed = torch.ops.quantized.linear_prepack(whole, None if bias is None else torch.from_numpy(bias.copy()))
    torch.backends.quantized.engine = engine

    @torch.inference_mode()
    def apply(x: F32) -> F32:
        out: F32 = torch.ops.quantized.linear_dynamic(torch.from_numpy(x), packed, False).numpy()
        return out

    return apply


LAYERS: Final[Mapping[Precision, MakeLayer]] = {"fp32": full, "bf16": bf16, "int8": int8}
