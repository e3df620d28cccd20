"""Training of the two-tower retrieval model on Ray Train."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ray.train.torch import TorchTrainer

from cluster.errors import CascadeError
from training.features.log import Log
from training.models.two_tower_network import PostInputs, TwoTower
from training.train import ray_train, sequence_training
from training.train.run import Judge, Parquet, Run
from training.train.steps import Metrics, Step
from training.train.teacher import Lessons
from training.train.two_tower_learner import TwoTowerLearner, TwoTowerTraining


def train_two_tower(
    step: Step,
    sequences: Sequence[Path],
    log: Log,
    lessons: Lessons | None = None,
    judge: Judge | None = None,
) -> Metrics:
    """Train on the Parquet files of `build_sequences`; write the user tower and `post_vectors.npy`.

    The step's config is a TwoTowerTraining; `lessons`: of the ranker, where it asks for them; `judge`: measures
    the network after each epoch. Raises CascadeError when nobody was shown two posts, or the loss is not finite.
    """
    if len(log.impressions) == 0 or np.diff(log.starts).max() < 2:
        raise CascadeError("nobody was shown two posts: there is no sequence to learn from", "train on more days")
    inputs = PostInputs.of(log.posts)
    state = ray_train.fit(
        TorchTrainer,
        step,
        _loop,
        {"how": step.config, "inputs": tuple(column.numpy() for column in inputs), "lessons": lessons, "judge": judge},
        {"train": Parquet(sequences, sequence_training.COLUMNS)},
    )
    network = TwoTower(inputs, step.config.id_dropout)
    network.load_state_dict(state["learner"]["network"])
    shown = np.bincount(log.impressions.post, minlength=len(log.posts.ids)) > 0
    network.export(step.folder, shown.astype(np.float32))
    return {"posts": len(shown), "posts_trained": int(shown.sum()), **state["history"]}


def _loop(config: dict[str, Any]) -> None:
    """One worker."""
    how: TwoTowerTraining = config["how"]
    run: Run = config["run"]
    sequence_training.prepare(how, run)
    network = TwoTower(PostInputs(*(torch.from_numpy(column) for column in config["inputs"])), how.id_dropout)
    train, valid = sequence_training.read(how, run)
    learner = TwoTowerLearner(network, run.prepared(network), train, how, config["lessons"])
    sequence_training.go(run, learner, valid, config["judge"])
