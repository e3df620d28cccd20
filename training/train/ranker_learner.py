"""One network, its optimiser and its place in the epochs: everything that a checkpoint must restore."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from training.models.ranker import WATCH
from training.models.ranker_network import RankerNetwork
from training.train.failures import finite
from training.train.ranker_rows import Rows


@dataclass(frozen=True, slots=True)
class RankerTraining:
    """How the ranker is trained."""

    epochs: int = 2
    batch: int = 2048
    learning_rate: float = 1e-3
    table_rate: float = 1e-3  # of user and post embeddings
    bias_rate: float = 5e-3  # of user and post biases
    weight_decay: float = 1e-2
    table_penalty: float = 1e-2  # squared length of the embeddings that a row uses
    bias_penalty: float = 1e-3
    dropout: float = 0.1
    #: Share of rows whose user, and whose post, is hidden, so that "unknown" learns a sensible answer.
    id_dropout: float = 0.1
    warmup_steps: int = 100
    #: Steps between checkpoints; a multiple of 20, in which progress is told.
    checkpoint_steps: int = 200
    #: Weight of the watch-time error, in squares of log seconds, against the logloss of the other heads.
    watch_weight: float = 0.1
    seed: int = 1
    threads: int = 2  # of each worker


class Learner:
    """Trains `network` on this worker's `rows`, a batch at a time on the device that the network is on."""

    def __init__(self, network: RankerNetwork, model: nn.Module, heads: Sequence[str], how: RankerTraining) -> None:
        """`model` is `network`, or the wrapper that synchronises it between workers."""
        self.network, self.model, self.how = network, model, how
        self.device = next(network.parameters()).device
        self._watch = torch.tensor([name == WATCH for name in heads])
        biases = [network.user_bias.weight, network.post_bias.weight]
        tables = [network.user.weight, network.post.weight]
        own = {id(weight) for weight in (*biases, *tables)}
        self._rates = (how.learning_rate, how.table_rate, how.bias_rate)
        self.optimiser = torch.optim.AdamW(
            [
                {"params": [w for w in network.parameters() if id(w) not in own], "weight_decay": how.weight_decay},
                {"params": tables, "weight_decay": 0.0},
                {"params": biases, "weight_decay": 0.0},
            ]
        )

    def state(self) -> dict[str, Any]:
        return {
            "network": self.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "random": torch.get_rng_state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        self.network.load_state_dict(state["network"])
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
        logits = self.model(user, post, rows.numbers, rows.codes, rows.position, how.dropout)
        loss = self.losses(logits, rows).sum() / rows.size
        net = self.network
        penalty = how.table_penalty * (_squares(net.user(user)) + _squares(net.post(post)))
        penalty = penalty + how.bias_penalty * (_squares(net.user_bias(user)) + _squares(net.post_bias(post)))
        self.optimiser.zero_grad()
        torch.autograd.backward(loss + penalty / rows.size)
        self.optimiser.step()
        return float(loss.detach())

    def losses(self, logits: Tensor, rows: Rows) -> Tensor:
        """Loss of each head, summed over the rows whose label is known, [H]."""
        squared = self.how.watch_weight * (logits - rows.labels).square()
        entropy = nn.functional.binary_cross_entropy_with_logits(logits, rows.labels.clamp(max=1), reduction="none")
        return (torch.where(self._watch.to(logits.device), squared, entropy) * rows.known).sum(0)

    @torch.inference_mode()
    def logits(self, rows: Rows) -> Tensor:
        """Logits of all rows with a neutral position, as serving computes them, [N, H], on the rows' device."""
        self.network.eval()
        size = 4 * self.how.batch
        parts = (rows.at(slice(first, first + size)).to(self.device) for first in range(0, rows.size, size))
        logits = (self.network(p.user, p.post, p.numbers, p.codes, torch.zeros_like(p.position)) for p in parts)
        return torch.cat([part.to(rows.user.device) for part in logits])


def _hide(rows: Tensor, share: float) -> Tensor:
    return torch.where(torch.rand(rows.shape, device=rows.device) < share, 0, rows)


def _squares(values: Tensor) -> Tensor:
    return values.square().sum()
