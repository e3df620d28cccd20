"""What trials train and are judged by."""

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cluster.errors import CascadeError, InvalidField
from cluster.settings import Settings
from kernels.actions import BIT
from tests.training.features.worlds import small_dataset, tables
from training.data.dataset import DataSet
from training.evaluation.metrics import gauc, ndcg
from training.features.log import Log
from training.recipes import recipe_named
from training.train.all import Job
from training.train.names import Tunable
from training.train.placement import Placement
from training.train.steps import Step
from training.tune.judges import RankingJudge
from training.tune.problems import Problem, Ranker, TwoTower, problem_of

HELD_OUT = 3


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> DataSet:
    return small_dataset(tmp_path_factory.mktemp("tune") / "data", **tables(users=40, posts=300, impressions=3000))


@pytest.fixture(scope="module")
def job(dataset: DataSet, tmp_path_factory: pytest.TempPathFactory) -> Job:
    log, base = Log.load(dataset, 20231220), recipe_named("quick")
    recipe = replace(
        base,
        two_tower=replace(base.two_tower, epochs=2, batch=4, steps=2, least_batch=2, held_out=0.2),
        prerank=replace(base.prerank, trees=4, checkpoint_trees=2),
        ranker=replace(base.ranker, epochs=2, batch=64),
    )
    work = tmp_path_factory.mktemp("work")
    return Job(work, log, "data", recipe, Placement(), False, Settings(home=work), ExitStack())


def told(problem: Problem, config: object, folder: Path) -> list[float]:
    figures: list[dict[str, float]] = []
    problem.train(Step("trial", folder, config, {}, Placement(here=lambda done, total, some: figures.append(some))))
    return [some[problem.objective] for some in figures if problem.objective in some]


@pytest.mark.parametrize("model", ["two_tower", "prerank", "ranker"])
def test_a_trial_tells_its_objective_after_each_epoch(
    model: Tunable, job: Job, dataset: DataSet, tmp_path: Path
) -> None:
    problem, config = problem_of(model, job, dataset, HELD_OUT), getattr(job.recipe, model)
    first = told(problem, config, tmp_path)
    assert 1 <= len(first) <= 2
    assert all(0 < value < 1 for value in first)
    assert told(problem, config, tmp_path) == first
    assert told(problem, replace(config, learning_rate=config.learning_rate / 100), tmp_path) != first


def test_the_last_days_are_only_judged_by(job: Job, dataset: DataSet) -> None:
    ranker = problem_of("ranker", job, dataset, HELD_OUT)
    assert isinstance(ranker, Ranker)
    *train, held_out = (pq.read_table(file, columns=["time_ms"])["time_ms"].to_numpy() for file in ranker.examples)
    last = [job.log.day(int(time)) for time in held_out]
    assert sorted(set(last)) == list(range(max(last) - HELD_OUT + 1, max(last) + 1))
    assert max(last) == job.log.day(int(job.log.impressions.time_ms[-1]))
    assert max(times.max() for times in train) < held_out.min()
    tower = problem_of("two_tower", job, dataset, HELD_OUT)
    assert isinstance(tower, TwoTower)
    assert tower.log.impressions.date.max() == 20231217


@pytest.mark.parametrize("days", [0, 99])
@pytest.mark.parametrize("model", ["two_tower", "ranker"])
def test_some_days_must_be_held_out_and_some_left(model: Tunable, days: int, job: Job, dataset: DataSet) -> None:
    with pytest.raises(InvalidField, match=f"--held-out-days has value {days}: must be 1 to"):
        problem_of(model, job, dataset, days)


def held_out(folder: Path, **columns: list[int]) -> Path:
    pq.write_table(pa.table({name: np.array(values) for name, values in columns.items()}), folder / "held-out.parquet")
    return folder / "held-out.parquet"


def test_lists_are_what_a_user_was_shown_on_a_day(tmp_path: Path) -> None:
    yes, known = BIT["long_view"], BIT["long_view"] | BIT["like"]
    judge = RankingJudge(
        held_out(
            tmp_path,
            user_row=[1, 2, 1, 1, 1, 2, 1],
            day=[8, 8, 8, 9, 9, 8, 9],
            actions=[yes, 0, 0, 0, yes, BIT["like"], yes],
            known=[known, known, known, known, known, known, BIT["like"]],
        )
    )
    scores = np.array([0.9, 0.5, 0.1, 0.2, 0.7, 0.6, 0.0])
    lists, labels = [18, 28, 18, 19, 19, 28], [1, 0, 0, 0, 1, 0]
    expected = (gauc(lists, labels, scores[:6]) + ndcg(lists, labels, scores[:6], 5)) / 2
    assert judge(scores) == pytest.approx(expected)
    assert judge(-scores) != pytest.approx(expected)


def test_days_that_tell_no_ranking_from_another_are_refused(tmp_path: Path) -> None:
    yes = BIT["long_view"]
    same = held_out(tmp_path, user_row=[1, 1, 2], day=[8, 8, 8], actions=[yes, yes, 0], known=[yes, yes, yes])
    with pytest.raises(CascadeError, match="with and without long_view"):
        RankingJudge(same)
