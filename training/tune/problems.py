"""What a search is about: one model's training on the days before the held-out ones, judged on those."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from cluster.errors import InvalidField
from training.data.dataset import DataSet
from training.evaluation.split import Split
from training.features.log import Log
from training.train.all import Job, examples_of, files_of, fingerprint, sequences_of, teacher_of, wide_of
from training.train.names import Tunable
from training.train.prerank import train_prerank
from training.train.ranker import train_ranker
from training.train.steps import Json, Metrics, Step
from training.train.teacher import FILE as LESSONS
from training.train.teacher import Lessons
from training.train.two_tower import train_two_tower
from training.train.wide import WidePart
from training.tune.judges import RankingJudge, RetrievalJudge, held_out_file


class Problem(Protocol):
    """One model's training; picklable, for it is sent to where trials run."""

    @property
    def objective(self) -> str:
        """Name of the figure that is told after each epoch, the greater the better."""

    def train(self, step: Step) -> Metrics:
        """Train with the step's config; it tells who listens to its placement."""


@dataclass(frozen=True)
class Ranker:
    examples: list[Path]
    users: int
    posts: int
    wide: Path
    judge: RankingJudge
    objective: str = RankingJudge.name

    def train(self, step: Step) -> Metrics:
        return train_ranker(step, self.examples, self.users, self.posts, WidePart.load(self.wide), judge=self.judge)


@dataclass(frozen=True)
class Prerank:
    examples: list[Path]
    judge: RankingJudge
    objective: str = RankingJudge.name

    def train(self, step: Step) -> Metrics:
        return train_prerank(step, self.examples, self.judge)


@dataclass(frozen=True)
class TwoTower:
    sequences: list[Path]
    log: Log
    lessons: Lessons | None
    judge: RetrievalJudge
    objective: str = RetrievalJudge.name

    def train(self, step: Step) -> Metrics:
        return train_two_tower(step, self.sequences, self.log, self.lessons, self.judge)


def problem_of(model: Tunable, job: Job, dataset: DataSet, held_out_days: int) -> Problem:
    """Build what the trials of a model read. The last days of the job's log are held out.

    Raises InvalidField when that leaves none to train on.
    """
    if model == "two_tower":
        return _two_tower(job, dataset, held_out_days)
    # Live features would move with the labels of the list that they are in.
    step = examples_of(replace(job, recipe=job.recipe.before_each_day()))
    days = [path.resolve() for path in files_of(step)]
    _check(held_out_days, len(days))
    held_out = held_out_file(days[-held_out_days:], step.folder.resolve() / "held-out.parquet")
    files, judge = [*days[:-held_out_days], held_out], RankingJudge(held_out)
    if model == "prerank":
        return Prerank(files, judge)
    inputs: dict[str, Json] = {"examples": step.fingerprint, "held_out_days": held_out_days}
    wide = wide_of(job, step.folder.resolve() / "wide", files, inputs)  # no trial changes what it depends on
    return Ranker(files, len(job.log.users.ids), len(job.log.posts.ids), wide.folder, judge)


def _two_tower(job: Job, dataset: DataSet, held_out_days: int) -> TwoTower:
    dates: list[int] = np.unique(job.log.impressions.date).tolist()
    _check(held_out_days, len(dates))
    split = Split(dates[-held_out_days - 1], dates[-held_out_days], dates[-1])
    log = Log.load(dataset, split.train_until)
    job = replace(job, log=log, data=fingerprint(log))
    judge = RetrievalJudge(dataset, split, log, job.recipe.two_tower.seed)
    lessons = Lessons.load(teacher_of(job).folder / LESSONS) if job.recipe.two_tower.taught else None
    return TwoTower([path.resolve() for path in sequences_of(job)], log, lessons, judge)


def _check(held_out_days: int, days: int) -> None:
    if not 1 <= held_out_days < days:
        raise InvalidField("--held-out-days", held_out_days, f"must be 1 to {days - 1}: there are {days} days")
