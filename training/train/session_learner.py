"""The session encoder as it learns: every window is asked at several places for what came after."""

from dataclasses import dataclass, field

import numpy as np
from torch import Tensor, nn

from kernels.columns import I64
from training.models.session import SessionShape
from training.models.session_network import SessionBatch, SessionNetwork
from training.train.sequence_batches import Sequences
from training.train.sequence_learner import SequenceLearner, moved
from training.train.session_batches import draw_windows, windows_of


@dataclass(frozen=True, slots=True)
class SessionTraining:
    """How the session encoder is trained."""

    shape: SessionShape = field(default_factory=SessionShape)
    epochs: int = 2
    batch: int = 128  # windows
    queries: int = 8  # of a window
    learning_rate: float = 0.002
    weight_decay: float = 0.05
    warmup_steps: int = 50
    dropout: float = 0.1
    horizon: int = 32  # impressions after a query that are its targets
    idle_weight: float = 0.3
    negatives: int = 512
    held_out: float = 0.02  # share of users that are not trained on
    threads: int = 1  # of each worker
    seed: int = 1


class SessionLearner(SequenceLearner):
    """Trains `network` on this worker's `sequences`."""

    network: SessionNetwork
    how: SessionTraining

    def __init__(self, network: SessionNetwork, model: nn.Module, sequences: Sequences, how: SessionTraining) -> None:
        super().__init__(network, model, sequences, how, len(network.post_vectors))

    def batch_size(self) -> int:
        return self.how.batch

    def draw(self, chosen: I64, rng: np.random.Generator) -> SessionBatch:
        return draw_windows(self.sequences, chosen, self.how.shape.length, self.how.queries, self.sampling, rng)

    def after_step(self) -> None:
        self.network.limit()

    def vectors(self, sequences: Sequences, begin: I64, cut: I64) -> tuple[Tensor, Tensor]:
        start = np.maximum(begin, cut - self.how.shape.length)
        windows = moved(windows_of(sequences, start, cut, cut - 1, np.arange(len(cut))), self.device)
        return self.network.queries(windows), self.network.post_vectors
