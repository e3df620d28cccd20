"""One network, its optimiser and its place in the epochs: everything that a checkpoint must restore."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from training.models.ranker_network import RankerNetwork
from training.models.trunks import TrunkName
from training.train.failures import finite
from training.train.ranker_losses import HeadLosses, PositionBias, WatchLoss, Weighting, correction
from training.train.ranker_rows import Rows
from training.train.wide import WidePart, WideTraining


@dataclass(frozen=True, slots=True)
class RankerTraining:
    """How the ranker is trained."""

    trunk: TrunkName = "shared"
    width: int = 256  # of the trunk, or of each of its experts
    experts: int = 4  # that heads share; the shared bottom has none
    epochs: int = 2
    batch: int = 2048
    learning_rate: float = 3e-4
    table_rate: float = 1e-4  # of user and post embeddings
    weight_decay: float = 1e-2
    table_penalty: float = 1e-2  # squared length of the embeddings that a row uses
    dropout: float = 0.1
    #: Share of rows whose user, and whose post, is hidden, so that "unknown" learns a sensible answer.
    id_dropout: float = 0.1
    warmup_steps: int = 100
    #: Steps between checkpoints; a multiple of 20, in which progress is told.
    checkpoint_steps: int = 200
    weighting: Weighting = "fixed"
    watch_loss: WatchLoss = "log_squares"
    #: Weight of the watch-time loss against the logloss of the other heads.
    watch_weight: float = 0.1
    position_bias: PositionBias = "feature"
    #: For `ipw`: position k = 0, 1, ... is looked at with chance (1 + k)^-decay.
    examination_decay: float = 0.4
    #: Share of the negatives that is trained on; calibration is corrected for the others.
    negative_share: float = 1.0
    wide: WideTraining = field(default_factory=WideTraining)
    seed: int = 1
    threads: int = 2  # of each worker


class Learner:
    """Trains `network` on this worker's `rows`, a batch at a time on the device that the network is on."""

    def __init__(
        self, network: RankerNetwork, model: nn.Module, wide: WidePart, heads: Sequence[str], how: RankerTraining
    ) -> None:
        """`model` is `network`, or the wrapper that synchronises it between workers."""
        self.network, self.model, self.how = network, model, how
        self.device = next(network.parameters()).device
        self.wide = wide.to(self.device)
        decay = how.examination_decay if how.position_bias == "ipw" else None
        self.losses = HeadLosses(heads, how.watch_loss, how.watch_weight, how.weighting, decay).to(self.device)
        self._correction = correction(heads, how.negative_share)
        tables = [network.user.weight, network.post.weight]
        own = {id(weight) for weight in tables}
        self._rates = (how.learning_rate, how.table_rate, how.learning_rate)
        self.optimiser = torch.optim.AdamW(
            [
                {"params": [w for w in network.parameters() if id(w) not in own], "weight_decay": how.weight_decay},
                {"params": tables, "weight_decay": 0.0},
                {"params": list(self.losses.parameters()), "weight_decay": 0.0},
            ]
        )

    def state(self) -> dict[str, Any]:
        return {
            "network": self.network.state_dict(),
            "losses": self.losses.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "random": torch.get_rng_state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        self.network.load_state_dict(state["network"])
        self.losses.load_state_dict(state["losses"])
        self.optimiser.load_state_dict(state["optimiser"])
        torch.set_rng_state(state["random"])

    def steps(self, rows: Rows) -> int:
        """Batches of an epoch."""
        return -(-rows.size // self.how.batch)

    def epoch(self, rows: Rows, epoch: int, first: int = 0) -> Iterator[float]:
        """Train on the batches `first`, `first + 1`, ... of an epoch; yields the loss of each. Raises Diverged."""
        order = torch.from_numpy(np.random.default_rng((self.how.seed, epoch)).permutation(rows.size))
        self.model.train()
        for step in range(first, self.steps(rows)):
            self._set_rates(epoch * self.steps(rows) + step, self.how.epochs * self.steps(rows))
            batch = rows.at(order[step * self.how.batch : (step + 1) * self.how.batch])
            yield finite(self._step(batch.to(self.device)), f"batch {step + 1} of epoch {epoch + 1}")

    def _set_rates(self, step: int, steps: int) -> None:
        """Warm up, then fall in a line to a tenth."""
        factor = min(1.0, (step + 1) / self.how.warmup_steps) * (1 - 0.9 * step / steps)
        for group, rate in zip(self.optimiser.param_groups, self._rates, strict=True):
            group["lr"] = rate * factor

    def _step(self, rows: Rows) -> float:
        how = self.how
        user, post = _hide(rows.user, how.id_dropout), _hide(rows.post, how.id_dropout)
        position = rows.position if how.position_bias == "feature" else torch.zeros_like(rows.position)
        logits = self.model(user, post, rows.numbers, rows.codes, position, how.dropout)
        logits = logits + self.wide(rows.fold, user, post, rows.wide)
        loss = self.losses.joined(self.losses(logits, rows), rows)
        net = self.network
        penalty = how.table_penalty * (_squares(net.user(user)) + _squares(net.post(post)))
        self.optimiser.zero_grad()
        torch.autograd.backward(loss + penalty / rows.size)
        self.optimiser.step()
        return float(loss.detach())

    @torch.inference_mode()
    def logits(self, rows: Rows) -> Tensor:
        """Logits of all rows as serving computes them, [N, H], on the rows' device: position neutral, corrected for
        negatives that were left out.
        """
        self.network.eval()
        size, device = 4 * self.how.batch, rows.user.device
        parts = (rows.at(slice(first, first + size)).to(self.device) for first in range(0, rows.size, size))
        logits = (self._served(part).to(device) for part in parts)
        return torch.cat(list(logits)) + self._correction.to(device)

    def _served(self, rows: Rows) -> Tensor:
        neutral = torch.zeros_like(rows.position)
        deep: Tensor = self.network(rows.user, rows.post, rows.numbers, rows.codes, neutral)
        wide: Tensor = self.wide(rows.fold, rows.user, rows.post, rows.wide)
        return deep + wide


def _hide(rows: Tensor, share: float) -> Tensor:
    return torch.where(torch.rand(rows.shape, device=rows.device) < share, 0, rows)


def _squares(values: Tensor) -> Tensor:
    return values.square().sum()
