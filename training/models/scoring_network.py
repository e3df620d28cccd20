"""From rows of users and posts and the feature matrix to calibrated predictions, all of it in torch.

Nothing of it makes a tensor of Python's numbers on the way, so that a CUDA graph can record it.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from cluster.errors import CascadeError
from cluster.ranker_backend import Precision
from kernels.features import INDEX, NAMES
from kernels.inputs import LIMIT
from kernels.logits import HOURS
from training.models.ranker import WATCH, WATCH_LIMIT_S, RankerConfig
from training.models.ranker_network import RankerNetwork, Shape
from training.models.wide import DURATIONS_S, READ


class ScoringNetwork(nn.Module):
    """What `RankerModel` computes, by the network that was trained.

    Letters in shapes: B rows, F features, D numbers, K codes, H heads.
    """

    wide_user: Tensor  # [U + 1, H]
    wide_post: Tensor  # [P + 1, H]
    wide_codes: Tensor
    wide_sizes: Tensor
    wide_offsets: Tensor
    durations: Tensor  # between which the wide part tells apart
    numbers: Tensor  # [D] columns of X
    mean: Tensor  # [D]
    inverse: Tensor  # [D] of the deviation
    codes: Tensor  # [K] columns of X
    offsets: Tensor  # [K]
    sizes: Tensor  # [K]
    scale: Tensor  # [H]
    shift: Tensor  # [H]
    watch: Tensor  # bool[H]: the head that predicts seconds

    def __init__(
        self, config: RankerConfig, weights: Mapping[str, NDArray[Any]], precision: Precision = "fp32"
    ) -> None:
        """Raises CascadeError for a precision that is not there."""
        super().__init__()
        self.heads, self.features = config.heads, len(NAMES)
        tensors = {name: torch.from_numpy(np.array(weight, np.float32)) for name, weight in weights.items()}
        self.network = RankerNetwork(Shape.of(tensors, config.trunk))
        # Positions are neutral in serving, and not kept.
        parts = {name: tensor for name, tensor in tensors.items() if not name.startswith("wide.")}
        self.network.load_state_dict(parts | {"position.weight": self.network.position.weight})
        if precision == "int8":
            raise CascadeError("int8 is there on CPUs only, by NumPy", "set ranker.device to cpu, or another precision")
        if precision == "bf16":
            _round_large_layer(self.network.trunk)
        for name in ("user", "post", "codes"):
            self.register_buffer(f"wide_{name}", tensors[f"wide.{name}"])
        inputs = config.inputs
        self._keep("numbers", [INDEX[name] for name in inputs.numbers])
        self._keep("mean", np.array(inputs.mean, np.float32))
        self._keep("inverse", np.float32(1) / np.array(inputs.deviation, np.float32))
        self._keep("codes", [INDEX[name] for name in inputs.categories])
        self._keep("offsets", np.array(inputs.offsets, np.int64))
        self._keep("sizes", np.array(inputs.sizes, np.int64))
        self._keep("wide_sizes", np.array(config.wide, np.int64))
        self._keep("wide_offsets", np.cumsum((1, *config.wide[:-1])))
        self._keep("durations", np.array(DURATIONS_S))
        self._keep("watch", [head == WATCH for head in config.heads])
        self._keep("scale", np.array(config.scale, np.float32))
        self._keep("shift", np.array(config.shift, np.float32))

    def forward(self, users: Tensor, posts: Tensor, x: Tensor) -> Tensor:
        """Predictions float32[B, H] of user rows int64[B], post rows int64[B] and x float32[B, F]; -1 = unknown."""
        users = users + 1
        posts = (posts + 1) * (posts < len(self.network.post.weight) - 1)
        numbers = x[:, self.numbers]
        tamed = torch.copysign(torch.log1p(numbers.abs()), numbers)
        numbers = ((tamed - self.mean) * self.inverse).clamp(-float(LIMIT), float(LIMIT))
        codes = x[:, self.codes].long() + 1
        codes = codes * ((codes > 0) & (codes < self.sizes)) + self.offsets
        logits = self.network(users, posts, numbers, codes, torch.zeros_like(users)) + self._wide(users, posts, x)
        logits = logits * self.scale + self.shift
        seconds = torch.expm1(logits.clamp(0, float(np.log1p(WATCH_LIMIT_S))))
        return torch.where(self.watch, seconds, torch.sigmoid(logits))

    def _wide(self, users: Tensor, posts: Tensor, x: Tensor) -> Tensor:
        """As `training.models.wide.wide_codes`, and the rows of their tables summed: [B, H]."""
        surface, hour, topic = (x[:, column].long() for column in READ[:3])
        duration = torch.bucketize(x[:, READ[3]].double(), self.durations, right=True)
        codes = torch.stack([surface, surface * HOURS + hour, topic, duration], 1)
        codes = (codes + self.wide_offsets) * ((codes >= 0) & (codes < self.wide_sizes))
        logits: Tensor = self.wide_user[users] + self.wide_post[posts] + self.wide_codes[codes].sum(1)
        return logits

    def _keep(self, name: str, values: Any) -> None:
        self.register_buffer(name, torch.as_tensor(values))


class _Bf16(nn.Module):
    """A layer whose factors are rounded to 8 bits of mantissa; sums are float32."""

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        self.layer = layer.to(torch.bfloat16)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.layer(x.bfloat16()).float()
        return out


def _round_large_layer(trunk: nn.Module) -> None:
    for name in ("layer", "experts"):
        if isinstance(layer := getattr(trunk, name, None), nn.Linear):
            setattr(trunk, name, _Bf16(layer))
            return
    raise CascadeError("a ranker with a PLE trunk is served in fp32 only", "set ranker.precision to fp32")
