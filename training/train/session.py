"""Training of the session encoder on Ray Train, on top of a trained two-tower model."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ray.train.torch import TorchTrainer

from kernels.columns import F32
from training.models.session_network import SessionNetwork
from training.models.two_tower import UserTower
from training.train import ray_train, sequence_training
from training.train.run import Parquet, Run
from training.train.session_learner import SessionLearner, SessionTraining
from training.train.steps import Metrics, Step


def train_session(step: Step, sequences: Sequence[Path], two_tower: Path) -> Metrics:
    """Train on the Parquet files of `build_sequences` and write the encoder into `step.folder`.

    The step's config is a SessionTraining; `two_tower` is the folder of the model whose posts' vectors it shares.
    Raises CascadeError when the loss is not finite.
    """
    vectors = (UserTower.load(two_tower).history_vectors, np.load(two_tower / "post_vectors.npy"))
    state = ray_train.fit(
        TorchTrainer,
        step,
        _loop,
        {"how": step.config, "vectors": vectors},
        {"train": Parquet(sequences, sequence_training.COLUMNS)},
    )
    network = _network(step.config, vectors)
    network.load_state_dict(state["learner"]["network"])
    network.export(step.folder)
    history: Metrics = state["history"]
    return history


def _network(how: SessionTraining, vectors: tuple[F32, F32]) -> SessionNetwork:
    history, posts = (torch.from_numpy(column) for column in vectors)
    return SessionNetwork(how.shape, history, posts, how.dropout)


def _loop(config: dict[str, Any]) -> None:
    """One worker."""
    how: SessionTraining = config["how"]
    run: Run = config["run"]
    sequence_training.prepare(how, run)
    network = _network(how, config["vectors"])
    train, valid = sequence_training.read(how, run)
    learner = SessionLearner(network, run.prepared(network), train, how)
    sequence_training.go(run, learner, valid)
