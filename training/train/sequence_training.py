"""What Ray Train runs of models that learn from sequences share: reading, resuming, going through the epochs."""

import time
from typing import Any, Final

import numpy as np
import torch

from training.features.sequences import held_out_users
from training.train.run import Judge, Run
from training.train.sequence_batches import Sequences
from training.train.sequence_learner import SequenceLearner, SequenceTraining

COLUMNS: Final = ("user_row", "post_row", "actions", "time_ms", "lead")
#: Sequences read at a time.
_READ: Final = 4096
#: Of a held-out user's sequence, the impressions at its end that are to be found, and among how many posts.
_LAST: Final = 10
_TOP: Final = 100


def prepare(how: SequenceTraining, run: Run) -> None:
    """Before the network is made: the same first weights on every worker, and the same steps at every run."""
    torch.use_deterministic_algorithms(run.on_cpu)
    torch.set_num_threads(how.threads)
    torch.manual_seed(how.seed)


def read(how: SequenceTraining, run: Run) -> tuple[Sequences, Sequences]:
    """This worker's sequences: to train on, and of the users who are held out."""
    sequences = Sequences.of(run.batches("train", _READ, COLUMNS))
    held = held_out_users(int(sequences.user.max()) + 1, how.held_out, how.seed)[sequences.user]
    return sequences.take(np.flatnonzero(~held)), sequences.take(np.flatnonzero(held))


def go(run: Run, learner: SequenceLearner, valid: Sequences, judge: Judge | None = None) -> None:
    """Train to the last epoch from wherever a checkpoint left off; `judge` measures the network after each."""
    learner.steps = _least(learner.steps, run.size)
    state = run.saved()
    if state is None:
        state = {"epoch": 0, "history": {"resumed_at": [], "loss": [], "recall": [], "seconds": 0.0}}
    else:
        learner.restore(state["learner"])
        state["history"]["resumed_at"].append(state["epoch"])
    for epoch in range(state["epoch"], learner.how.epochs):
        _epoch(run, learner, valid, epoch, state["history"])
        if judge is not None:
            done = epoch + 1
            run.tell(done, learner.how.epochs, "judged", done * learner.steps, **{judge.name: judge(learner.network)})
        saved = {"epoch": epoch + 1, "history": state["history"], "learner": learner.state()}
        run.save(saved, {"epoch": epoch + 1})


def _epoch(run: Run, learner: SequenceLearner, valid: Sequences, epoch: int, history: dict[str, Any]) -> None:
    began, losses = time.perf_counter(), []
    for step, loss in enumerate(learner.epoch(epoch, run.rank), start=1):
        losses.append(loss)
        at, word = epoch * learner.steps + step, f"epoch {epoch + 1} loss {loss:.4f}"
        run.tell(at / learner.steps, learner.how.epochs, word, at, loss=loss)
    history["loss"].append(float(np.mean(losses)))
    history["recall"].append(learner.recall(valid, _LAST, _TOP))
    history["seconds"] += time.perf_counter() - began


def _least(steps: int, workers: int) -> int:
    """The least number of all workers: each must take part in every step."""
    least = torch.tensor(steps)
    if workers > 1:
        torch.distributed.all_reduce(least, torch.distributed.ReduceOp.MIN)
    return int(least)
