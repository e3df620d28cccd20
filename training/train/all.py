"""Training the models of a release, step by step; a step whose inputs have not changed is not run again."""

import hashlib
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, redirect_stdout
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Final

import ray

from cluster.errors import CascadeError, InvalidField
from cluster.ray_runtime import share_ray
from cluster.settings import Settings
from training.data.dataset import DataSet
from training.data.progress import bars
from training.features.examples import build_examples
from training.features.log import Log
from training.features.sequences import build_sequences
from training.models.ranker import RankerModel
from training.recipes import Recipe, recipe_named
from training.train.mf import train_mf
from training.train.names import MODELS, Model
from training.train.placement import Placement
from training.train.prerank import train_prerank
from training.train.ranker import train_ranker
from training.train.ranker_wide import WideConfig, train_wide
from training.train.sasrec import as_sasrec, train_sasrec
from training.train.session import train_session
from training.train.steps import Json, Metrics, Step, run_step
from training.train.teacher import FILE as LESSONS
from training.train.teacher import Lessons, Teaching, build_lessons
from training.train.two_tower import train_two_tower
from training.train.warm_start import earlier_work, note_rows
from training.train.wide import WidePart

#: Days of examples: one to learn from, and one to measure on.
MIN_DAYS: Final = 2


@dataclass(frozen=True, slots=True)
class Everything:
    """The config of a step that has nothing to configure."""


@dataclass(frozen=True, slots=True)
class Job:
    """What the models of one call to `train` share."""

    work: Path
    log: Log
    data: str  # fingerprint of the log
    recipe: Recipe
    placement: Placement
    warm: bool
    settings: Settings
    ending: ExitStack

    def run(self, step: Step, work: Callable[[Step], Metrics]) -> Metrics:
        """What `run_step` does. Ray is started for the first step that is not finished, until the job ends."""
        if step.finished is None and not ray.is_initialized():
            self.ending.enter_context(share_ray(self.settings))
        return run_step(step, work)


def train(
    settings: Settings,
    dataset: DataSet,
    models: Sequence[Model] = MODELS,
    until: int | None = None,
    recipe: Recipe | None = None,
    placement: Placement | None = None,
    warm: bool = False,
) -> Path:
    """Train `models` on the days up to `until` (yyyymmdd; default: all) and return the folder that holds them.

    `recipe`: how; default: the one that the settings name. `placement`: where; default: one worker, on CPU.
    `warm`: whether the ranker starts from that of an earlier day, if there is one; the others start from nothing.
    A local Ray is started unless there is one. Raises CascadeError when the data has no impression, too few days, or
    only one class, the cluster no room, or a step fails.
    """
    recipe = recipe or recipe_named(settings.training.recipe)
    log = log_until(dataset, until)
    data = fingerprint(log)
    work = settings.work / f"{dataset.manifest.name}-{data[:12]}"
    # Ray writes notices to stdout, where a command may be about to print one document.
    with redirect_stdout(sys.stderr), ExitStack() as ending:
        job = Job(work, log, data, recipe, placement or Placement(), warm, settings, ending)
        note_rows(work, log)
        for model in models:
            _TRAIN[model](job)
    return work


def log_until(dataset: DataSet, until: int | None) -> Log:
    """The log up to a day (yyyymmdd; None: all of it). Raises InvalidField when there is nothing in it."""
    log = Log.load(dataset, until)
    if not len(log.impressions):
        dates = dataset.dates(dataset.read("impressions", ("time_ms", "date")))
        raise InvalidField("--until", until, f"no impression lies there; the data has {dates.min()} to {dates.max()}")
    return log


def fingerprint(log: Log) -> str:
    """SHA-256 of the log: of everything that training reads."""
    digest = hashlib.sha256()
    for part in (log.users, log.posts, log.impressions, log.relations):
        for field in fields(part):
            column = getattr(part, field.name)
            for array in column.values() if isinstance(column, dict) else (column,):
                digest.update(array.tobytes() if array.dtype != object else "\n".join(array).encode())
    return digest.hexdigest()


def _two_tower(job: Job) -> Metrics:
    return _trained_two_tower(job)[1]


def _trained_two_tower(job: Job) -> tuple[Step, Metrics]:
    files, inputs, lessons = sequences_of(job), {"data": job.data}, None
    if job.recipe.two_tower.taught:
        teacher = teacher_of(job)
        inputs["teacher"], lessons = teacher.fingerprint, Lessons.load(teacher.folder / LESSONS)
    step = Step("two_tower", job.work / "two_tower", job.recipe.two_tower, inputs, job.placement)
    return step, job.run(step, lambda step: train_two_tower(step, files, job.log, lessons))


def teacher_of(job: Job) -> Step:
    """The step that has asked the ranker."""
    ranker, how = _ranker(job), Teaching(seed=job.recipe.two_tower.seed)
    step = Step("teacher", job.work / "teacher", how, {"data": job.data, "ranker": ranker["fingerprint"]})
    _here(step, lambda step, tell: build_lessons(step, job.log, RankerModel.load(job.work / "ranker"), tell))
    return step


def _session(job: Job) -> Metrics:
    (tower, _), files = _trained_two_tower(job), sequences_of(job)
    inputs: dict[str, Json] = {"two_tower": tower.fingerprint}
    step = Step("session", job.work / "session", job.recipe.session, inputs, job.placement)
    return job.run(step, lambda step: train_session(step, files, tower.folder))


def _sasrec(job: Job) -> Metrics:
    files, posts = sequences_of(job), len(job.log.posts.ids)
    step = Step("sasrec", job.work / "sasrec", as_sasrec(job.recipe.session), {"data": job.data})
    return _here(step, lambda step, tell: train_sasrec(step, files, posts, tell))


def _mf(job: Job) -> Metrics:
    step = Step("mf", job.work / "mf", job.recipe.mf, {"data": job.data})
    return _here(step, lambda step, tell: train_mf(step, job.log, tell))


def _here(step: Step, work: Callable[[Step, Callable[[int, int], None]], Metrics]) -> Metrics:
    """Run a step in this process, with a bar."""

    def shown(step: Step) -> Metrics:
        with bars() as progress:
            return work(step, partial(progress, f"train {step.name}"))

    return run_step(step, shown)


def sequences_of(job: Job) -> list[Path]:
    """The files of the step that has built the sequences."""
    parts = job.work / "sequences" / "parts"
    step = Step("sequences", job.work / "sequences", Everything(), {"data": job.data})
    run_step(step, lambda _: {"files": len(build_sequences(job.log, parts))})
    return sorted(parts.iterdir())


def _prerank(job: Job) -> Metrics:
    examples = examples_of(job)
    on_cpus = replace(job.placement, gpus=False)
    step = Step("prerank", job.work / "prerank", job.recipe.prerank, {"examples": examples.fingerprint}, on_cpus)
    return job.run(step, lambda step: train_prerank(step, files_of(examples)))


def _ranker(job: Job) -> Metrics:
    examples = examples_of(job)
    earlier = earlier_work(job.work, "ranker", job.log) if job.warm else None
    start = None if earlier is None else earlier.fingerprint
    files, users, posts = files_of(examples), len(job.log.users.ids), len(job.log.posts.ids)
    wide = wide_of(job, job.work / "wide", files, {"examples": examples.fingerprint})
    inputs: dict[str, Json] = {"wide": wide.fingerprint, "start": start}
    step = Step("ranker", job.work / "ranker", job.recipe.ranker, inputs, job.placement)
    return job.run(step, lambda step: train_ranker(step, files, users, posts, WidePart.load(wide.folder), earlier))


def wide_of(job: Job, folder: Path, examples: Sequence[Path], inputs: Mapping[str, Json]) -> Step:
    """The step that has fitted the ranker's wide part to the files of `examples`, which `inputs` name."""
    users, posts = len(job.log.users.ids), len(job.log.posts.ids)
    step = Step("wide", folder, WideConfig.of(job.recipe.ranker), inputs)
    _here(step, lambda step, tell: train_wide(step, examples, users, posts, tell))
    return step


def examples_of(job: Job) -> Step:
    """The step that has built the examples, one Parquet file a day."""
    how, log = job.recipe.examples, job.log
    days = how.of(log)
    if len(days) < MIN_DAYS:
        raise CascadeError(
            f"{len(days)} days are left after {how.warm_up_days} days of warm-up, at least {MIN_DAYS} are needed",
            "train on more days",
        )

    def build(step: Step) -> Metrics:
        with bars() as progress:
            build_examples(log, step.folder / "days", days, how.freshness, partial(progress, "build examples"))
        return {"files": len(files_of(step))}

    step = Step("examples", job.work / "examples", how, {"data": job.data})
    run_step(step, build)
    return step


def files_of(examples: Step) -> list[Path]:
    """The files of `examples_of`, oldest first."""
    return sorted((examples.folder / "days").iterdir())


_TRAIN: Final[dict[Model, Callable[[Job], Metrics]]] = {
    "two_tower": _two_tower,
    "session": _session,
    "prerank": _prerank,
    "ranker": _ranker,
    "mf": _mf,
    "sasrec": _sasrec,
}
