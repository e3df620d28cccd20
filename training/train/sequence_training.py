"""What Ray Train runs of models that learn from sequences share: reading, resuming, going through the epochs."""

import time
from typing import Any, Final

import numpy as np
import ray.train
import torch

from training.train import ray_train
from training.train.sequence_batches import Sequences
from training.train.sequence_learner import SequenceLearner, SequenceTraining

COLUMNS: Final = ("user_row", "post_row", "actions", "time_ms", "lead")
#: Sequences read at a time.
_READ: Final = 4096
#: Of a held-out user's sequence, the impressions at its end that are to be found, and among how many posts.
_LAST: Final = 10
_TOP: Final = 100


def prepare(how: SequenceTraining) -> None:
    """Before the network is made: the same first weights on every worker, and the same steps at every run."""
    torch.use_deterministic_algorithms(ray_train.on_cpu())
    torch.set_num_threads(how.threads)
    torch.manual_seed(how.seed)


def read(how: SequenceTraining) -> tuple[Sequences, Sequences]:
    """This worker's sequences: to train on, and of the users who are held out."""
    sequences = Sequences.of(ray_train.batches("train", _READ, COLUMNS))
    held_out = np.random.default_rng(how.seed).random(int(sequences.user.max()) + 1) < how.held_out
    held = held_out[sequences.user]
    return sequences.take(np.flatnonzero(~held)), sequences.take(np.flatnonzero(held))


def run(config: dict[str, Any], learner: SequenceLearner, valid: Sequences) -> None:
    """Train to the last epoch from wherever a checkpoint left off; `config` is that of the loop."""
    learner.steps = _least(learner.steps)
    state = ray_train.saved()
    if state is None:
        state = {"epoch": 0, "history": {"resumed_at": [], "loss": [], "recall": [], "seconds": 0.0}}
    else:
        learner.restore(state["learner"])
        state["history"]["resumed_at"].append(state["epoch"])
    for epoch in range(state["epoch"], learner.how.epochs):
        _epoch(config, learner, valid, epoch, state["history"])
        saved = {"epoch": epoch + 1, "history": state["history"], "learner": learner.state()}
        ray_train.save(saved, {"epoch": epoch + 1})


def _epoch(
    config: dict[str, Any], learner: SequenceLearner, valid: Sequences, epoch: int, history: dict[str, Any]
) -> None:
    began, losses = time.perf_counter(), []
    for step, loss in enumerate(learner.epoch(epoch, ray.train.get_context().get_world_rank()), start=1):
        losses.append(loss)
        at, word = epoch * learner.steps + step, f"epoch {epoch + 1} loss {loss:.4f}"
        ray_train.tell(config, at / learner.steps, learner.how.epochs, word, at, loss=loss)
    history["loss"].append(float(np.mean(losses)))
    history["recall"].append(learner.recall(valid, _LAST, _TOP))
    history["seconds"] += time.perf_counter() - began


def _least(steps: int) -> int:
    """The least number of all workers: each must take part in every step."""
    least = torch.tensor(steps)
    if ray.train.get_context().get_world_size() > 1:
        torch.distributed.all_reduce(least, torch.distributed.ReduceOp.MIN)
    return int(least)
