"""Trunks of the ranker, as they are trained: from the units of the first layer to a logit per head.

Letters in shapes: B rows, D hidden units, T width of a trunk, E experts, H heads.
"""

from typing import Final, Literal, NamedTuple

import torch
from torch import Tensor, nn

TrunkName = Literal["shared", "mmoe", "ple"]
#: Levels of extraction of `ple`.
LEVELS: Final = 2


class TrunkShape(NamedTuple):
    hidden: int  # D
    width: int  # T
    experts: int  # E that all heads share
    heads: int  # H


class SharedBottom(nn.Module):
    """One layer for all heads (Caruana, "Multitask Learning", 1997)."""

    def __init__(self, shape: TrunkShape) -> None:
        super().__init__()
        self.layer = nn.Linear(shape.hidden, shape.width)
        self.heads = _heads(shape)

    def forward(self, hidden: Tensor, dropout: float) -> Tensor:
        logits: Tensor = self.heads(_drop(torch.relu(self.layer(hidden)), dropout, self.training))
        return logits


class MixtureOfExperts(nn.Module):
    """Layers of which each head mixes its own share, by a gate that looks at the row.

    Ma et al., "Modeling task relationships in multi-task learning with multi-gate mixture-of-experts", KDD 2018.
    """

    def __init__(self, shape: TrunkShape) -> None:
        super().__init__()
        self.shape = shape
        self.experts = nn.Linear(shape.hidden, shape.experts * shape.width)
        self.gates = nn.Linear(shape.hidden, shape.heads * shape.experts)
        self.heads = _heads(shape)

    def forward(self, hidden: Tensor, dropout: float) -> Tensor:
        experts = torch.relu(self.experts(hidden)).view(len(hidden), self.shape.experts, -1)
        gates = self.gates(hidden).view(len(hidden), self.shape.heads, -1).softmax(2)
        # The head is linear, so mixing what it says of each expert is the same as asking it about the mixture.
        said = _drop(experts, dropout, self.training) @ self.heads.weight.T
        logits: Tensor = (gates.transpose(1, 2) * said).sum(1) + self.heads.bias
        return logits


class ProgressiveExtraction(nn.Module):
    """Shared experts and one of each head's own, mixed in two levels.

    Tang et al., "Progressive layered extraction (PLE)", RecSys 2020.
    """

    def __init__(self, shape: TrunkShape) -> None:
        super().__init__()
        self.levels = nn.ModuleList(
            _Extraction(shape._replace(hidden=shape.hidden if level == 0 else shape.width), level == LEVELS - 1)
            for level in range(LEVELS)
        )
        self.heads = _heads(shape)

    def forward(self, hidden: Tensor, dropout: float) -> Tensor:
        mixed = hidden.unsqueeze(0)
        for level in self.levels:
            mixed = _drop(level(mixed), dropout, self.training)
        return torch.einsum("hbt,ht->bh", mixed, self.heads.weight) + self.heads.bias


class _Extraction(nn.Module):
    """One level: [1 or H + 1, B, D] -> [H + 1, B, T], the shared one last; the last level leaves it out."""

    def __init__(self, shape: TrunkShape, last: bool) -> None:
        super().__init__()
        self.last, self.heads = last, shape.heads
        self.own = nn.Parameter(_uniform(shape.heads, shape.hidden, shape.width))
        self.own_bias = nn.Parameter(torch.zeros(shape.heads, 1, shape.width))
        self.shared = nn.Parameter(_uniform(shape.experts, shape.hidden, shape.width))
        self.shared_bias = nn.Parameter(torch.zeros(shape.experts, 1, shape.width))
        self.gate = nn.Parameter(_uniform(shape.heads, shape.hidden, 1 + shape.experts))
        if not last:
            self.shared_gate = nn.Parameter(_uniform(1, shape.hidden, shape.heads + shape.experts))

    def forward(self, x: Tensor) -> Tensor:
        """An expert of all heads reads the last part of `x`, a head's own its own part."""
        parts = x.expand(self.heads + 1, -1, -1)
        own = torch.relu(parts[:-1] @ self.own + self.own_bias)
        shared = torch.relu(parts[-1:] @ self.shared + self.shared_bias)
        gate = (parts[:-1] @ self.gate).softmax(2)
        mixed = gate[:, :, :1] * own + torch.einsum("hbe,ebt->hbt", gate[:, :, 1:], shared)
        if self.last:
            return mixed
        gate = (parts[-1:] @ self.shared_gate).softmax(2)
        common = torch.einsum("gbe,ebt->gbt", gate, torch.cat([own, shared]))
        return torch.cat([mixed, common])


TRUNKS: Final[dict[TrunkName, type[nn.Module]]] = {
    "shared": SharedBottom,
    "mmoe": MixtureOfExperts,
    "ple": ProgressiveExtraction,
}


def _heads(shape: TrunkShape) -> nn.Linear:
    """They begin by saying nothing: what the wide part says is where training starts."""
    heads = nn.Linear(shape.width, shape.heads)
    nn.init.zeros_(heads.weight)
    nn.init.zeros_(heads.bias)
    return heads


def _drop(x: Tensor, share: float, training: bool) -> Tensor:
    return nn.functional.dropout(x, share, training)


def _uniform(layers: int, inputs: int, outputs: int) -> Tensor:
    """As nn.Linear begins."""
    bound = inputs**-0.5
    return torch.empty(layers, inputs, outputs).uniform_(-bound, bound)
