"""SASRec, the baseline of the session encoder: ids and their order alone, and only the next impression is foretold.

Kang and McAuley, "Self-attentive sequential recommendation", ICDM 2018, with the sampled softmax, the negatives and
the correction that the session encoder has. It is not served.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow.parquet as pq
import torch
from torch import Tensor, nn

from kernels.columns import F32, I64, U16
from training.models.session import SessionShape
from training.models.session_network import SessionBatch, Windows
from training.train.run import to_numpy
from training.train.sequence_batches import Sequences
from training.train.sequence_learner import SequenceLearner
from training.train.session_batches import draw_windows, windows_of
from training.train.session_learner import SessionTraining
from training.train.steps import Metrics, Step

_SCALE: Final = 0.05
_FILE: Final = "sasrec.pt"


def as_sasrec(how: SessionTraining) -> SessionTraining:
    """What differs from the session encoder: all shown posts are one sequence, whose next is asked for everywhere."""
    return replace(how, horizon=1, idle_weight=1.0, queries=2 * how.queries, epochs=2 * how.epochs)


class Sasrec(nn.Module):
    """`forward` is the loss."""

    def __init__(self, posts: int, shape: SessionShape, dropout: float) -> None:
        super().__init__()
        self.shape = shape
        self.ids, self.places = nn.Embedding(posts, shape.width), nn.Embedding(shape.length, shape.width)
        layer = nn.TransformerEncoderLayer(
            shape.width, shape.heads, 2 * shape.width, dropout, batch_first=True, norm_first=True
        )
        self.blocks = nn.TransformerEncoder(layer, shape.blocks, nn.LayerNorm(shape.width), enable_nested_tensor=False)
        self.dropout = nn.Dropout(dropout)
        for table in (self.ids, self.places):
            nn.init.normal_(table.weight, std=_SCALE)

    def queries(self, windows: Windows) -> Tensor:
        """float32[Q, W]."""
        length = windows.post.shape[1]
        x = self.dropout(self.ids(windows.post) + self.places.weight[:length])
        x = self.blocks(x, mask=nn.Transformer.generate_square_subsequent_mask(length), is_causal=True)
        queries: Tensor = x.flatten(0, 1)[windows.query]
        return queries

    def forward(self, batch: SessionBatch) -> Tensor:
        logits = self.queries(batch.windows) @ self.ids(batch.candidates).T - batch.log_q
        chosen: Tensor = logits.log_softmax(dim=1)[batch.target_query, batch.target_post]
        return -chosen.mean()

    def save(self, folder: Path) -> None:
        state = {"posts": len(self.posts), "shape": asdict(self.shape), "weights": self.state_dict()}
        torch.save(state, folder / _FILE)

    @classmethod
    def load(cls, folder: Path) -> "Sasrec":
        """What `save` wrote."""
        state = torch.load(folder / _FILE, weights_only=True)
        model = cls(state["posts"], SessionShape(**state["shape"]), 0.0)
        model.load_state_dict(state["weights"])
        return model.eval()

    @property
    def posts(self) -> F32:
        """float32[P, W]."""
        vectors: F32 = self.ids.weight.detach().numpy()
        return vectors

    @torch.no_grad()
    def encode(self, posts: I64, actions: U16, hours: F32) -> F32:  # noqa: ARG002 as the encoder's
        """A user's vector float32[W] by the post rows alone, oldest first; zeros without one."""
        rows = torch.from_numpy(posts[-len(self.places.weight) :])
        if not len(rows):
            return np.zeros(self.ids.embedding_dim, np.float32)
        last = torch.tensor([len(rows) - 1])
        nothing = torch.zeros_like(rows)[None]
        vector: F32 = self.queries(Windows(rows[None], nothing, nothing, last, nothing))[0].numpy()
        return vector


class SasrecLearner(SequenceLearner):
    network: Sasrec
    how: SessionTraining

    def __init__(self, network: Sasrec, sequences: Sequences, how: SessionTraining) -> None:
        super().__init__(network, network, sequences, how, network.ids.num_embeddings)

    def batch_size(self) -> int:
        return self.how.batch

    def draw(self, chosen: I64, rng: np.random.Generator) -> SessionBatch:
        return draw_windows(self.sequences, chosen, self.how.shape.length, self.how.queries, self.sampling, rng)

    def vectors(self, sequences: Sequences, begin: I64, cut: I64) -> tuple[Tensor, Tensor]:
        start = np.maximum(begin, cut - self.how.shape.length)
        windows = windows_of(sequences, start, cut, cut - 1, np.arange(len(cut)))
        return self.network.queries(windows), self.network.ids.weight


def train_sasrec(step: Step, files: Sequence[Path], posts: int, tell: Callable[[int, int], None]) -> Metrics:
    """Train on the Parquet files of `build_sequences`, in this process. The step's config is a SessionTraining."""
    how: SessionTraining = step.config
    torch.manual_seed(how.seed)
    tables = [pq.read_table(file) for file in files]
    sequences = Sequences.of({name: to_numpy(table[name]) for name in table.column_names} for table in tables)
    learner = SasrecLearner(Sasrec(posts, how.shape, how.dropout), sequences, how)
    losses = []
    for epoch in range(how.epochs):
        losses.append(float(np.mean(list(learner.epoch(epoch, 0)))))
        tell(epoch + 1, how.epochs)
    learner.network.save(step.folder)
    return {"loss": losses}
