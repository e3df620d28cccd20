"""Searches on a real Ray Tune."""

import json
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from optuna.distributions import FloatDistribution
from threadpoolctl import threadpool_info

from cluster.errors import InvalidField
from cluster.settings import Settings
from tests.training.features.worlds import small_dataset, tables
from training.recipes import recipe_named
from training.train.failures import Diverged
from training.train.steps import Metrics, Step
from training.tune.outcome import ENDED, FAILED, STOPPED, outcome
from training.tune.search import Search, run_trials, search

# Ray warns of its own defaults.
pytestmark = [pytest.mark.usefixtures("ray_session"), pytest.mark.filterwarnings("ignore::DeprecationWarning:ray")]


@dataclass(frozen=True)
class Place:
    at: float = 0.9
    threads: int = 2


@dataclass(frozen=True)
class Hill:
    """A problem whose trials climb towards `1 - |at - 0.3|`; beyond 0.8 there is nothing to stand on."""

    calls: Path
    driver: int
    objective: str = "height"

    def train(self, step: Step) -> Metrics:
        place: Place = step.config
        call = len(list(self.calls.iterdir()))
        (self.calls / f"{call}-{place.at}").touch()
        assert os.sched_getscheduler(0) == os.SCHED_IDLE
        assert {pool["num_threads"] for pool in threadpool_info()} == {place.threads} == {1}
        if call == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        if place.at > 0.8:
            raise Diverged("the loss is nan at batch 1 of epoch 1")
        for epoch in range(1, 4):
            assert step.placement.here is not None
            step.placement.here(epoch, 3, {"height": (1 - abs(place.at - 0.3)) * epoch / 3})
            if call == 4:
                os.kill(self.driver, signal.SIGINT)
                time.sleep(3)
        return {}


@pytest.fixture
def interrupts() -> Iterator[None]:
    """Ray Tune keeps SIGINT to itself afterwards."""
    before = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, before)


def test_a_search_survives_a_killed_trial_and_an_interrupt(tmp_path: Path, interrupts: None) -> None:
    (tmp_path / "calls").mkdir()
    how = Search("ranker", "default", trials=8)
    space = {"at": FloatDistribution(0, 1)}
    step, problem = Step("tune", tmp_path / "tune", how, {}), Hill(tmp_path / "calls", os.getpid())
    with pytest.raises(KeyboardInterrupt):
        run_trials(step, how, problem, Place(), space, shown=False)
    found = outcome(run_trials(step, how, problem, Place(), space, shown=False), "height", {"at": 0.9})

    trials = found["trials"]
    assert len(trials) == how.trials
    assert len(list(problem.calls.iterdir())) == how.trials + 2  # one was killed, and one was interrupted
    for told in trials:
        at = told["values"]["at"]
        assert told["became"] in ((FAILED,) if at > 0.8 else (STOPPED,) if told["epochs"] < 3 else (ENDED, STOPPED))
        assert told["height"] == pytest.approx(0 if at > 0.8 else (1 - abs(at - 0.3)) * told["epochs"] / 3)
    assert (found["before"]["height"], found["before"]["why"]) == (0, "the loss is nan at batch 1 of epoch 1")
    assert found["best"] == trials[0]
    assert found["best"]["height"] == max(told["height"] for told in trials if told["became"] == ENDED)
    assert {told["became"] for told in trials} == {FAILED, STOPPED, ENDED}


def test_a_search_leaves_a_recipe_that_is_no_worse_than_it_began_with(tmp_path: Path) -> None:
    dataset = small_dataset(tmp_path / "data", **tables(users=40, impressions=3000))
    how = Search("prerank", "quick", trials=3)
    file, found = search(Settings(home=tmp_path), dataset, how, 20231220, shown=False)

    assert found["objective"] == "primary"
    assert 0 < found["before"]["primary"] <= found["best"]["primary"] < 1
    values = found["best"]["values"]
    assert json.loads(file.read_text()) == {"recipe": "quick", "prerank": values}
    tuned = recipe_named(str(file))
    assert {name: getattr(tuned.prerank, name) for name in values} == values
    assert tuned.ranker == recipe_named("quick").ranker
    again = search(Settings(home=tmp_path), dataset, how, 20231220, shown=False)
    assert again == (file, json.loads(json.dumps(found)) | {"fingerprint": found["fingerprint"]})
    assert not (file.parent / "runs").exists()
    with pytest.raises(InvalidField, match=r"--recipe has value .*recipe\.json.* writes anew"):
        search(Settings(home=tmp_path), dataset, replace(how, recipe=str(file)), 20231220, shown=False)
    assert json.loads(file.read_text())["prerank"] == values
