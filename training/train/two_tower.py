"""Training of the two-tower retrieval model on Ray Train."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import ray.train.torch
import torch
from ray.train.torch import TorchTrainer

from cluster.errors import CascadeError
from training.features.log import Log
from training.models.two_tower_network import PostInputs, TwoTower
from training.train import ray_train
from training.train.sequence_batches import Sequences
from training.train.steps import Metrics, Step
from training.train.two_tower_learner import TwoTowerLearner, TwoTowerTraining

COLUMNS: Final = ("user_row", "post_row", "actions", "time_ms", "lead")
#: Sequences read at a time.
_READ: Final = 4096
#: Of a held-out user's sequence, the impressions at its end that are to be found, and among how many posts.
_LAST: Final = 10
_TOP: Final = 100


def train_two_tower(step: Step, sequences: Sequence[Path], log: Log) -> Metrics:
    """Train on the Parquet files of `build_sequences`; write the user tower and `post_vectors.npy`.

    The step's config is a TwoTowerTraining. Raises CascadeError when nobody was shown two posts, or the loss is not
    finite.
    """
    if len(log.impressions) == 0 or np.diff(log.starts).max() < 2:
        raise CascadeError("nobody was shown two posts: there is no sequence to learn from", "train on more days")
    inputs = PostInputs.of(log.posts)
    state = ray_train.fit(
        TorchTrainer,
        step,
        _loop,
        {"how": step.config, "inputs": tuple(column.numpy() for column in inputs)},
        {"train": ray_train.parquet(sequences, COLUMNS)},
        workers=step.config.workers,
        retries=step.config.retries,
    )
    network = TwoTower(inputs, step.config.id_dropout)
    network.load_state_dict(state["learner"]["network"])
    shown = np.bincount(log.impressions.post, minlength=len(log.posts.ids)) > 0
    network.export(step.folder, shown.astype(np.float32))
    return {"posts": len(shown), "posts_trained": int(shown.sum()), **state["history"]}


def _loop(config: dict[str, Any]) -> None:
    """One worker: read its sequences, resume, train epoch by epoch."""
    how: TwoTowerTraining = config["how"]
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(how.threads)
    torch.manual_seed(how.seed)  # the same first weights on every worker
    network = TwoTower(PostInputs(*(torch.from_numpy(column) for column in config["inputs"])), how.id_dropout)
    sequences = Sequences.of(ray_train.batches("train", _READ, COLUMNS))
    held_out = np.random.default_rng(how.seed).random(int(sequences.user.max()) + 1) < how.held_out
    train = sequences.take(np.flatnonzero(~held_out[sequences.user]))
    learner = TwoTowerLearner(network, ray.train.torch.prepare_model(network), train, how)
    valid = sequences.take(np.flatnonzero(held_out[sequences.user]))
    learner.steps = _least(learner.steps)
    state = ray_train.saved()
    if state is None:
        state = {"epoch": 0, "history": {"resumed_at": [], "loss": [], "recall": [], "seconds": 0.0}}
    else:
        learner.restore(state["learner"])
        state["history"]["resumed_at"].append(state["epoch"])
    _train(config, learner, valid, state)


def _least(steps: int) -> int:
    """The least number of all workers: each must take part in every step."""
    least = torch.tensor(steps)
    if ray.train.get_context().get_world_size() > 1:
        torch.distributed.all_reduce(least, torch.distributed.ReduceOp.MIN)
    return int(least)


def _train(config: dict[str, Any], learner: TwoTowerLearner, valid: Sequences, state: dict[str, Any]) -> None:
    how, history = learner.how, state["history"]
    worker = ray.train.get_context().get_world_rank()
    for epoch in range(state["epoch"], how.epochs):
        began, losses = time.perf_counter(), []
        for step, loss in enumerate(learner.epoch(epoch, worker), start=1):
            if not np.isfinite(loss):
                raise FloatingPointError(f"the loss is {loss} at step {step} of epoch {epoch + 1}")
            losses.append(loss)
            ray_train.tell(config, epoch + step / learner.steps, how.epochs, f"epoch {epoch + 1} loss {loss:.4f}")
        history["loss"].append(float(np.mean(losses)))
        history["recall"].append(learner.recall(valid, _LAST, _TOP))
        history["seconds"] += time.perf_counter() - began
        ray_train.save({"epoch": epoch + 1, "history": history, "learner": learner.state()}, {"epoch": epoch + 1})
