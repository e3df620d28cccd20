"""The two-tower network as it learns: each sequence is cut once into history and targets."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from kernels.actions import POSITIVE
from kernels.columns import I64
from training.models.two_tower_network import Batch, TwoTower
from training.train.lessons import SequenceLessons, with_negatives
from training.train.sequence_batches import Sampling, Sequences, batch_at, draw_cuts, spread
from training.train.sequence_learner import SequenceLearner, moved
from training.train.teacher import Lessons


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
    #: So many posts like it an impression without a positive action is among the negatives of its user,
    shown_negatives: float = 0.0
    #: and one, besides, of which the ranker had thought more than of most that got one.
    hard_negatives: float = 0.0
    #: Weight of telling posts apart as the ranker does.
    distillation: float = 0.0
    #: Share of a batch's posts that must go by their content, so that a new post has a sensible vector.
    id_dropout: float = 0.1
    #: Share of users that are not trained on: they tell what the model is worth to people it has never seen.
    held_out: float = 0.02
    threads: int = 1  # of each worker: the arithmetic is too small to share
    seed: int = 1

    @property
    def taught(self) -> bool:
        """Whether the ranker is needed."""
        return self.hard_negatives > 0 or self.distillation > 0


class TwoTowerLearner(SequenceLearner):
    """Trains `network` on this worker's `sequences`."""

    network: TwoTower
    how: TwoTowerTraining

    def __init__(
        self,
        network: TwoTower,
        model: nn.Module,
        sequences: Sequences,
        how: TwoTowerTraining,
        lessons: Lessons | None = None,
    ) -> None:
        """`lessons`: of the ranker, where `how` asks for them."""
        super().__init__(network, model, sequences, how, network.size)
        self.lessons = None if lessons is None else SequenceLessons(lessons, sequences, network.size)

    def batch_size(self) -> int:
        return min(self.how.batch, max(self.how.least_batch, len(self.rows) // self.how.steps))

    def draw(self, chosen: I64, rng: np.random.Generator) -> Batch:
        how, told, lessons = self.how, self.sequences, self.lessons
        cut, end = draw_cuts(told, chosen, rng), told.offsets[chosen + 1]
        taught = np.zeros(0, np.int64)
        if lessons is not None:
            cut, taught = lessons.moments(chosen, cut, rng)
        batch = batch_at(told, cut, told.offsets[chosen], end, self.sampling, rng)
        if how.shown_negatives or how.hard_negatives:
            later, of = spread(cut, np.minimum(end, cut + how.horizon))
            weight = how.shown_negatives * (told.actions[later] & POSITIVE == 0).astype(np.float32)
            if lessons is not None:
                weight += np.float32(how.hard_negatives) * lessons.hard(told.user[chosen][of], told.post[later])
            batch = with_negatives(batch, of[weight > 0], told.post[later][weight > 0], weight[weight > 0])
        if lessons is not None and how.distillation:
            batch = lessons.taught(batch, taught, how.distillation)
        return batch

    def after_step(self) -> None:
        self.network.limit()

    def vectors(self, sequences: Sequences, begin: I64, cut: I64) -> tuple[Tensor, Tensor]:
        nothing = Sampling(0, 0.0, 0, self.sampling.target_share)
        batch = moved(batch_at(sequences, cut, begin, cut, nothing, np.random.default_rng(0)), self.device)
        rows = torch.arange(self.network.size, device=self.device)
        posts = self.network.posts(rows, torch.ones(len(rows), 1, device=self.device))
        seen = batch._replace(history_post=batch.posts[batch.history_post])
        return self.network.users(posts, seen), functional.normalize(posts, dim=1)
