"""One network that learns from sequences, its optimiser and its place in the epochs: what a checkpoint must restore."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, Final, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from kernels.columns import HISTORY, I64
from training.train.failures import finite
from training.train.sequence_batches import Sampling, Sequences, spread, target_weights

#: Held-out sequences that are measured at most.
HELD_OUT_LIMIT: Final = 1000


class SequenceTraining(Protocol):
    """What all such trainings configure."""

    @property
    def epochs(self) -> int: ...
    @property
    def learning_rate(self) -> float: ...
    @property
    def weight_decay(self) -> float: ...
    @property
    def warmup_steps(self) -> int: ...
    @property
    def horizon(self) -> int: ...
    @property
    def idle_weight(self) -> float: ...
    @property
    def negatives(self) -> int: ...
    @property
    def held_out(self) -> float: ...
    @property
    def threads(self) -> int: ...
    @property
    def seed(self) -> int: ...


class SequenceLearner(ABC):
    """Trains `network` on this worker's `sequences`, a batch at a time on the device that it is on.

    What a batch is, and what a user is, the heirs say.
    """

    def __init__(
        self, network: nn.Module, model: nn.Module, sequences: Sequences, how: SequenceTraining, posts: int
    ) -> None:
        """`model` is `network`, or the wrapper that synchronises it between workers. `posts`: P."""
        self.network, self.model, self.sequences, self.how = network, model, sequences, how
        self.device = next(network.parameters()).device
        self.rows = sequences.usable
        self.batch = self.batch_size()
        #: Batches of an epoch.
        self.steps = -(-len(self.rows) // self.batch)
        shares = target_shares(sequences, how.idle_weight, posts)
        self.sampling = Sampling(how.horizon, how.idle_weight, how.negatives, shares)
        tables = [weight for weight in network.parameters() if weight.ndim == 2]
        others = [weight for weight in network.parameters() if weight.ndim < 2]
        self.optimiser = torch.optim.AdamW(
            [{"params": tables, "weight_decay": how.weight_decay}, {"params": others, "weight_decay": 0.0}]
        )

    @abstractmethod
    def batch_size(self) -> int:
        """Sequences of a batch."""

    @abstractmethod
    def draw(self, chosen: I64, rng: np.random.Generator) -> Any:
        """A batch of the sequences `chosen`, as the network's `forward` takes it."""

    @abstractmethod
    def vectors(self, sequences: Sequences, begin: I64, cut: I64) -> tuple[Tensor, Tensor]:
        """Unit vectors of the users [B, D] who have seen `[begin, cut)` of `sequences`, and of all posts [P, D]."""

    def after_step(self) -> None:
        """Called after each step of the optimiser; by default nothing is left to do."""
        return

    def state(self) -> dict[str, Any]:
        return {"network": self.network.state_dict(), "optimiser": self.optimiser.state_dict()}

    def restore(self, state: dict[str, Any]) -> None:
        self.network.load_state_dict(state["network"])
        self.optimiser.load_state_dict(state["optimiser"])

    def epoch(self, epoch: int, worker: int) -> Iterator[float]:
        """Train one epoch; yields the loss of each batch. Depends on nothing random but seed, epoch and worker.

        Raises Diverged when a loss is not finite.
        """
        rng = np.random.default_rng((self.how.seed, epoch, worker))
        torch.manual_seed(int(rng.integers(1 << 62)))
        order = rng.permutation(self.rows)
        self.network.train()
        for step in range(self.steps):
            chosen = order[step * self.batch : (step + 1) * self.batch]
            self._set_rate(epoch * self.steps + step, self.how.epochs * self.steps)
            loss = self.model(moved(self.draw(chosen, rng), self.device))
            self.optimiser.zero_grad()
            loss.backward()
            self.optimiser.step()
            self.after_step()
            yield finite(float(loss.detach()), f"batch {step + 1} of epoch {epoch + 1}")

    @torch.no_grad()
    def recall(self, sequences: Sequences, last: int, k: int) -> float:
        """Share of what was liked among each sequence's `last` impressions that is among its first `k` unseen posts.

        NaN when nothing was liked there.
        """
        begin, end = sequences.offsets[:-1], sequences.offsets[1:]
        cut = np.maximum(end - last, begin + np.maximum(sequences.lead, 1))
        some = np.flatnonzero(cut < end)[:HELD_OUT_LIMIT]
        begin, cut, end = begin[some], cut[some], end[some]
        self.network.eval()
        users, posts = self.vectors(sequences, begin, cut)
        scores = (users @ posts.T).cpu()
        past, past_user = spread(np.maximum(begin, cut - HISTORY), cut)
        scores[past_user, sequences.post[past]] = -torch.inf
        best = scores.topk(min(k, len(posts)), dim=1).indices
        later, later_user = spread(cut, end)
        liked = target_weights(sequences.actions[later], 0.0) > 0
        hits = best[later_user[liked]] == torch.from_numpy(sequences.post[later[liked]])[:, None]
        return float(hits.any(dim=1).to(torch.float64).mean())

    def _set_rate(self, step: int, steps: int) -> None:
        """Warm up, then fall in a line to nothing."""
        factor = min(1.0, (step + 1) / self.how.warmup_steps) * (1 - step / steps)
        for group in self.optimiser.param_groups:
            group["lr"] = self.how.learning_rate * factor


def moved(batch: Any, device: torch.device) -> Any:
    """A batch, which may hold others, with its tensors on `device`."""
    if isinstance(batch, Tensor):
        return batch.to(device, non_blocking=True)
    return type(batch)(*(moved(part, device) for part in batch)) if isinstance(batch, tuple) else batch


def target_shares(sequences: Sequences, idle_weight: float, posts: int) -> NDArray[np.float64]:
    """Each post's share of all targets, float64[P]."""
    rows, _ = spread(sequences.offsets[:-1] + sequences.lead, sequences.offsets[1:])
    taken = rows[target_weights(sequences.actions[rows], idle_weight) > 0]
    shares: NDArray[np.float64] = np.bincount(sequences.post[taken], minlength=posts) / max(len(taken), 1)
    return shares
