"""The search for how a model is trained best: Optuna proposes, ASHA stops what stays behind, Ray Tune runs both."""

import io
import logging
import os
import sys
import warnings
from contextlib import ExitStack, redirect_stdout
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import ray
from ray import tune
from ray.tune.schedulers import ASHAScheduler
from ray.tune.search.optuna import OptunaSearch

from cluster.errors import InvalidField
from cluster.ray_runtime import share_ray
from cluster.settings import Settings
from training.data.dataset import DataSet
from training.recipes import recipe_named
from training.recipes.changes import RecipeFile
from training.recipes.spaces import SPACES, Space
from training.train.all import Job, fingerprint, log_until
from training.train.names import Tunable
from training.train.placement import Placement
from training.train.steps import Json, Metrics, Step, run_step
from training.tune.board import board
from training.tune.outcome import outcome
from training.tune.problems import Problem, problem_of
from training.tune.resources import Resources
from training.tune.trial import trial

#: More epochs than any training has.
_LONGEST: Final = 1000
#: Of the trials that have come as far, ASHA lets the best one in so many go on.
_REDUCTION: Final = 3
#: The file that a search leaves.
RECIPE: Final = "recipe.json"


@dataclass(frozen=True, slots=True)
class Search:
    """How a search goes on."""

    model: Tunable
    recipe: str  # where it starts
    trials: int = 20
    held_out_days: int = 2
    resources: Resources = field(default_factory=Resources)
    seed: int = 1

    def check(self, settings: Settings) -> None:
        """Raises InvalidField for what can be seen to make no sense before anything is read."""
        if self.trials < 1:
            raise InvalidField("--trials", self.trials, "must be at least 1")
        self.resources.check(settings)
        recipe_named(self.recipe)


def search(
    settings: Settings,
    dataset: DataSet,
    how: Search,
    until: int | None = None,
    placement: Placement | None = None,
    shown: bool = True,
) -> tuple[Path, Metrics]:
    """Search on the days up to `until`; returns the file of the best recipe, and what all trials were.

    A search that was cut off goes on when it is asked for again, one that is finished is not made again. `placement`:
    where it keeps what it needs for that. A local Ray is started unless there is one.
    Raises CascadeError when there is too little data, the cluster has no room, or no trial went well.
    """
    log, base, start = log_until(dataset, until), recipe_named(how.recipe), RecipeFile.read(how.recipe)
    data, space = fingerprint(log), SPACES[how.model]
    work = settings.work / f"{dataset.manifest.name}-{data[:12]}" / "tune"
    if Path(how.recipe).resolve() == (work / how.model / RECIPE).resolve():
        raise InvalidField(
            "--recipe", how.recipe, "is the file that this search writes anew: copy it and give the copy"
        )
    ranges = {name: str(values) for name, values in space.items()}
    inputs: dict[str, Json] = {"data": data, "recipe": asdict(base), "space": ranges}
    step = Step(f"tune {how.model}", work / how.model, how, inputs, placement or Placement())
    # Ray writes notices to stdout, where a command may be about to print one document.
    with redirect_stdout(sys.stderr), ExitStack() as ending:
        job = Job(work, log, data, base, Placement(), False, settings, ending)

        def work_of(step: Step) -> Metrics:
            problem = problem_of(how.model, job, dataset, how.held_out_days)
            if not ray.is_initialized():
                ending.enter_context(share_ray(settings))
            how.resources.check_room()
            config = getattr(base, how.model)
            results = run_trials(step, how, problem, config, space, shown)
            found = outcome(results, problem.objective, start_of(config, space))
            start.changed(how.model, found["best"]["values"]).write(step.folder / RECIPE)
            return found

        return step.folder / RECIPE, run_step(step, work_of)


def start_of(config: Any, space: Space) -> dict[str, Any]:
    """The values that a search begins with: those that `config` has."""
    return {name: getattr(config, name) for name in space}


def run_trials(step: Step, how: Search, problem: Problem, config: Any, space: Space, shown: bool) -> tune.ResultGrid:
    """All trials of values from `space` in `config`, which comes first; those of before when the step was cut off.

    Raises KeyboardInterrupt when it is cut off now.
    """
    _quiet()
    with board(how.model, how.trials, shown) as told, warnings.catch_warnings():
        # A trial that was cut off tells its first epochs again.
        warnings.filterwarnings("ignore", "The reported value is ignored", UserWarning)
        with redirect_stdout(io.StringIO()):  # Ray Tune prints tables even when told to be silent
            results = _tuner(step, how, problem, config, space, told).fit()
    if results.num_terminated + results.num_errors < how.trials:  # Ray Tune took the interrupt, and saved its state
        raise KeyboardInterrupt
    return results


def _quiet() -> None:
    """Keep Ray Tune's and Optuna's files and notes to themselves: what becomes of trials is told by `outcome`."""
    os.environ.setdefault("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1")
    for name in ("ray.tune", "optuna"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def _tuner(step: Step, how: Search, problem: Problem, config: Any, space: Space, told: Any) -> tune.Tuner:
    storage, resources = step.storage, how.resources
    trainable = tune.with_resources(
        tune.with_parameters(trial, problem=problem, how=config, resources=resources, board=told), resources.trial
    )
    path = f"{storage.path}/{step.fingerprint}"
    if tune.Tuner.can_restore(path, storage.files):
        return tune.Tuner.restore(path, trainable, storage_filesystem=storage.files)
    return tune.Tuner(
        trainable,
        tune_config=tune.TuneConfig(
            metric=problem.objective,
            mode="max",
            num_samples=how.trials,
            max_concurrent_trials=resources.concurrency,
            search_alg=OptunaSearch(
                dict(space),
                metric=problem.objective,
                mode="max",
                points_to_evaluate=[start_of(config, space)],
                seed=how.seed,
            ),
            scheduler=ASHAScheduler(max_t=_LONGEST, reduction_factor=_REDUCTION),
            reuse_actors=True,
        ),
        run_config=tune.RunConfig(
            name=step.fingerprint,
            storage_path=storage.path,
            storage_filesystem=storage.files,
            failure_config=tune.FailureConfig(max_failures=1),
            verbose=0,
        ),
    )
