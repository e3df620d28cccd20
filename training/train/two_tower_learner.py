"""One two-tower network, its optimiser and its place in the epochs: everything that a checkpoint must restore."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from training.models.two_tower_network import TwoTower
from training.train.sequence_batches import Sampling, Sequences, batch_at, draw, spread, target_weights

#: Held-out sequences that are measured at most.
HELD_OUT_LIMIT: Final = 1000


@dataclass(frozen=True, slots=True)
class TwoTowerTraining:
    """How the two-tower model is trained."""

    epochs: int = 10
    batch: int = 512  # sequences at most; fewer where an epoch would have fewer than
    steps: int = 50  # batches,
    least_batch: int = 32  # down to this many
    learning_rate: float = 0.02
    weight_decay: float = 0.1
    warmup_steps: int = 20
    horizon: int = 64
    idle_weight: float = 0.3
    negatives: int = 512
    #: Share of a batch's posts that must go by their content, so that a new post has a sensible vector.
    id_dropout: float = 0.1
    #: Share of users that are not trained on: they tell what the model is worth to people it has never seen.
    held_out: float = 0.02
    threads: int = 1
    seed: int = 1
    workers: int = 1
    retries: int = 2  # of a worker that died


class TwoTowerLearner:
    """Trains `network` on this worker's `sequences`."""

    def __init__(
        self,
        network: TwoTower,
        model: nn.Module,
        sequences: Sequences,
        how: TwoTowerTraining,
    ) -> None:
        """`model` is `network`, or the wrapper that synchronises it between workers."""
        self.network, self.model, self.sequences, self.how = network, model, sequences, how
        self.rows = sequences.usable
        self.batch = min(how.batch, max(how.least_batch, len(self.rows) // how.steps))
        #: Batches of an epoch.
        self.steps = -(-len(self.rows) // self.batch)
        shares = target_shares(sequences, how.idle_weight, network.size)
        self.sampling = Sampling(how.horizon, how.idle_weight, how.negatives, shares)
        tables = [weight for weight in network.parameters() if weight.ndim == 2]
        others = [weight for weight in network.parameters() if weight.ndim < 2]
        self.optimiser = torch.optim.AdamW(
            [{"params": tables, "weight_decay": how.weight_decay}, {"params": others, "weight_decay": 0.0}]
        )

    def state(self) -> dict[str, Any]:
        return {"network": self.network.state_dict(), "optimiser": self.optimiser.state_dict()}

    def restore(self, state: dict[str, Any]) -> None:
        self.network.load_state_dict(state["network"])
        self.optimiser.load_state_dict(state["optimiser"])

    def epoch(self, epoch: int, worker: int) -> Iterator[float]:
        """Train one epoch; yields the loss of each batch. Depends on nothing random but seed, epoch and worker."""
        rng = np.random.default_rng((self.how.seed, epoch, worker))
        torch.manual_seed(int(rng.integers(1 << 62)))
        order = rng.permutation(self.rows)
        for step in range(self.steps):
            chosen = order[step * self.batch : (step + 1) * self.batch]
            self._set_rate(epoch * self.steps + step, self.how.epochs * self.steps)
            loss = self.model(draw(self.sequences, chosen, self.sampling, rng))
            self.optimiser.zero_grad()
            loss.backward()
            self.optimiser.step()
            self.network.limit()
            yield float(loss.detach())

    @torch.no_grad()
    def recall(self, sequences: Sequences, last: int, k: int) -> float:
        """Share of what was liked among each sequence's `last` impressions that is among its first `k` unseen posts.

        NaN when nothing was liked there.
        """
        begin, end = sequences.offsets[:-1], sequences.offsets[1:]
        cut = np.maximum(end - last, begin + np.maximum(sequences.lead, 1))
        some = np.flatnonzero(cut < end)[:HELD_OUT_LIMIT]
        only_liked = Sampling(last, 0.0, 0, self.sampling.target_share)
        batch = batch_at(sequences, cut[some], begin[some], end[some], only_liked, np.random.default_rng(0))
        rows = torch.arange(self.network.size)
        posts = self.network.posts(rows, torch.ones(len(rows), 1))
        seen = batch.posts[batch.history_post]
        scores = self.network.users(posts, batch._replace(history_post=seen)) @ functional.normalize(posts, dim=1).T
        scores[batch.history_user, seen] = -torch.inf
        best = scores.topk(min(k, len(rows)), dim=1).indices
        hits = best[batch.target_user] == batch.posts[batch.target_post][:, None]
        return float(hits.any(dim=1).to(torch.float64).mean())

    def _set_rate(self, step: int, steps: int) -> None:
        """Warm up, then fall in a line to nothing."""
        factor = min(1.0, (step + 1) / self.how.warmup_steps) * (1 - step / steps)
        for group in self.optimiser.param_groups:
            group["lr"] = self.how.learning_rate * factor


def target_shares(sequences: Sequences, idle_weight: float, posts: int) -> NDArray[np.float64]:
    """Each post's share of all targets, float64[P]."""
    rows, _ = spread(sequences.offsets[:-1] + sequences.lead, sequences.offsets[1:])
    taken = rows[target_weights(sequences.actions[rows], idle_weight) > 0]
    shares: NDArray[np.float64] = np.bincount(sequences.post[taken], minlength=posts) / max(len(taken), 1)
    return shares
