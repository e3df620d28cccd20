"""The session encoder as it is trained: sampled softmax over posts whose vectors the two-tower model has fixed.

B windows of L impressions, Q queries (places of windows whose next impressions are to be found), T targets, C
candidates, W = width, H = heads, D = DIM.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from kernels.actions import ACTIONS
from kernels.columns import F32
from training.models.session import GAPS, SessionEncoder, SessionShape
from training.models.two_tower import DIM
from training.models.two_tower_network import LEAST_TEMPERATURE, TEMPERATURE, action_bits

#: Deviation of the first vectors of gaps.
_SCALE = 0.02


class Windows(NamedTuple):
    """Stretches of impressions, oldest first; after its end a window holds whatever: nothing real looks there."""

    post: Tensor  # int64[B, L] post rows
    actions: Tensor  # int64[B, L] masks
    seconds: Tensor  # float32[B, L] since the window's first
    query: Tensor  # int64[Q] places in the windows laid end to end
    wait: Tensor  # int64[Q] bucket of the time from there to the next impression


class SessionBatch(NamedTuple):
    windows: Windows
    candidates: Tensor  # int64[C] post rows, distinct
    log_q: Tensor  # float32[C] log of each candidate's chance to be one
    target_query: Tensor  # int64[T]
    target_post: Tensor  # int64[T] places in `candidates`
    target_weight: Tensor  # float32[T]


class SessionNetwork(nn.Module):
    """`forward` is the loss, so that it can be wrapped for data-parallel training. Posts' vectors are no parameters."""

    def __init__(self, shape: SessionShape, history_vectors: Tensor, post_vectors: Tensor, dropout: float) -> None:
        """`history_vectors`, `post_vectors`: float32[P, D], a post as history and (at unit length) as candidate."""
        super().__init__()
        self.shape = shape
        self.history_vectors: Tensor
        self.post_vectors: Tensor
        self.register_buffer("history_vectors", history_vectors, persistent=False)
        self.register_buffer("post_vectors", post_vectors, persistent=False)
        self.post = nn.Linear(DIM, shape.width)
        self.action = nn.Linear(len(ACTIONS), shape.width, bias=False)
        self.gap, self.wait = nn.Embedding(GAPS, shape.width), nn.Embedding(GAPS, shape.width)
        self.dropout = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(_Block(shape, dropout) for _ in range(shape.blocks))
        self.norm = nn.LayerNorm(shape.width)
        self.out = nn.Linear(shape.width, DIM)
        self.log_scale = nn.Parameter(-torch.tensor(TEMPERATURE).log())
        for table in (self.gap, self.wait):
            nn.init.normal_(table.weight, std=_SCALE)

    def queries(self, windows: Windows) -> Tensor:
        """Unit vectors float32[Q, D], as `SessionEncoder.encode` gives them."""
        seconds = windows.seconds
        x = self.post(self.history_vectors[windows.post]) + self.action(action_bits(windows.actions))
        x = x + self.gap(_bucket(seconds.diff(dim=1, prepend=seconds[:, :1])))
        apart = torch.log1p((seconds[:, :, None] - seconds[:, None, :]).clamp_min(0))[:, None]
        x = self.dropout(x)
        for block in self.blocks:
            x = block(x, apart)
        x = x.flatten(0, 1)[windows.query] + self.wait(windows.wait)
        return functional.normalize(self.out(self.norm(x)), dim=1)

    def forward(self, batch: SessionBatch) -> Tensor:
        """Mean negative log likelihood of the targets among the candidates, by weight."""
        candidates = self.post_vectors[batch.candidates]
        logits = self.queries(batch.windows) @ candidates.T * self.log_scale.exp() - batch.log_q
        chosen = logits[batch.target_query, batch.target_post] - logits.logsumexp(dim=1)[batch.target_query]
        return -(chosen * batch.target_weight).sum() / batch.target_weight.sum().clamp_min(1e-9)

    @torch.no_grad()
    def limit(self) -> None:
        """Keep the temperature from collapsing; call after each step."""
        self.log_scale.clamp_(max=-float(np.log(LEAST_TEMPERATURE)))

    @torch.no_grad()
    def encoder(self) -> SessionEncoder:
        """What serving computes with."""
        weights: dict[str, F32] = {name: weight.numpy() for name, weight in self.state_dict().items()}
        del weights["log_scale"], weights["action.weight"]
        weights["actions"] = self.action(action_bits(torch.arange(1 << len(ACTIONS)))).numpy()
        return SessionEncoder.of(self.shape, weights, self.history_vectors.numpy())

    def export(self, folder: Path) -> None:
        """Write the encoder for serving."""
        self.encoder().save(folder)


class _Block(nn.Module):
    """Attention to what came before, which fades as a power of the time since, and a layer for each place alone."""

    def __init__(self, shape: SessionShape, dropout: float) -> None:
        super().__init__()
        self.heads = shape.heads
        self.before, self.between = nn.LayerNorm(shape.width), nn.LayerNorm(shape.width)
        self.mix = nn.Linear(shape.width, 3 * shape.width)
        self.join = nn.Linear(shape.width, shape.width)
        self.wide, self.narrow = nn.Linear(shape.width, 2 * shape.width), nn.Linear(2 * shape.width, shape.width)
        self.fading = nn.Parameter(torch.zeros(shape.heads, 1, 1))
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, apart: Tensor) -> Tensor:
        """x float32[B, L, W]; apart float32[B, 1, L, L] log(1 + seconds) between two impressions."""
        q, k, v = (
            part.unflatten(2, (self.heads, -1)).transpose(1, 2) for part in self.mix(self.before(x)).chunk(3, dim=2)
        )
        later = torch.full(apart.shape[2:], -torch.inf, device=apart.device).triu(1)
        mixed = functional.scaled_dot_product_attention(q, k, v, attn_mask=later - self.fading * apart)
        x = x + self.dropout(self.join(mixed.transpose(1, 2).flatten(2)))
        narrowed: Tensor = self.narrow(functional.relu(self.wide(self.between(x))))
        out: Tensor = x + self.dropout(narrowed)
        return out


def _bucket(seconds: Tensor) -> Tensor:
    """As `gap_bucket`."""
    return (torch.frexp(1 + seconds.clamp_min(0)).exponent.to(torch.int64) - 1).clamp_max(GAPS - 1)
