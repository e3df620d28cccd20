"""One trial: a model's training with one choice of values, in the process of Ray Tune that was given to it."""

import os
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from ray import tune
from threadpoolctl import threadpool_limits

from cluster.errors import CascadeError
from training.train.failures import Diverged
from training.train.placement import Placement
from training.train.steps import Step
from training.tune.problems import Problem
from training.tune.resources import Resources


def trial(values: dict[str, Any], problem: Problem, how: Any, resources: Resources, board: Any) -> None:
    """Train with `how`, changed by `values`; reports the problem's objective after each epoch, and at the end again.

    A trial that cannot go well reports 0, the least, and why: another try would end alike.
    """
    # What serves on this node goes first, at once: at the lowest priority of the usual kind it would have to wait
    # until a trial's slice of time is over.
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    name, objective = tune.get_context().get_trial_id(), problem.objective
    last: dict[str, Any] = {objective: 0.0}

    def listen(_done: float, _total: float, figures: dict[str, float]) -> None:
        if objective in figures:
            last[objective] = figures[objective]
            board.tell.remote(name, figures[objective])
            tune.report(dict(last))

    with tempfile.TemporaryDirectory() as folder, threadpool_limits(resources.cpus):
        config = replace(how, **values, threads=resources.cpus)
        step = Step("trial", Path(folder), config, {}, Placement(gpus=resources.gpus, here=listen))
        try:
            problem.train(step)
        except (CascadeError, Diverged) as error:
            last |= {objective: 0.0, "failed": str(error)}
    tune.report({**last, "ended": True})
