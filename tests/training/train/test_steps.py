"""Steps are reused when nothing they depend on has changed, and never otherwise."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from training.train import steps
from training.train.steps import Step, run_step


@dataclass(frozen=True)
class Config:
    rate: float = 0.1


@pytest.fixture
def step(tmp_path: Path) -> Step:
    return Step("toy", tmp_path / "toy", Config(), {"data": "abc", "days": ["20240101"]})


class Work:
    """Counts its calls and leaves a file."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, step: Step) -> dict[str, Any]:
        self.calls += 1
        (step.folder / f"model{self.calls}").write_text("x")
        return {"loss": 1 / self.calls}


def test_a_finished_step_is_reused(step: Step) -> None:
    work = Work()
    first = run_step(step, work)
    assert run_step(step, work) == first
    assert work.calls == 1
    assert first["loss"] == 1
    assert first["config"] == {"rate": 0.1}


@pytest.mark.parametrize(
    "change", [{"config": Config(0.2)}, {"inputs": {"data": "other", "days": ["20240101"]}}, {"name": "another"}]
)
def test_whatever_it_depends_on_makes_it_run_again(step: Step, change: dict[str, Any]) -> None:
    work = Work()
    run_step(step, work)
    changed = replace(step, **change)
    assert run_step(changed, work)["fingerprint"] == changed.fingerprint
    assert work.calls == 2
    assert not (step.folder / "model1").exists()  # nothing of the old result is left
    run_step(step, work)
    assert work.calls == 3


def test_new_features_or_a_new_format_change_the_fingerprint(step: Step, monkeypatch: pytest.MonkeyPatch) -> None:
    before = step.fingerprint
    monkeypatch.setattr(steps, "FEATURES", steps.FEATURES[1:])
    other_features = step.fingerprint
    monkeypatch.undo()
    monkeypatch.setattr(steps, "FORMAT", steps.FORMAT + 1)
    assert len({before, other_features, step.fingerprint}) == 3


def test_a_step_that_failed_is_not_finished_and_keeps_its_checkpoints(step: Step) -> None:
    def fail(step: Step) -> dict[str, Any]:
        for name in (step.fingerprint, "0123456789abcdef"):
            (step.runs / name).mkdir(parents=True)
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        run_step(step, fail)
    assert step.finished is None

    def resume(step: Step) -> dict[str, Any]:
        return {"found": sorted(path.name for path in step.runs.iterdir())}

    assert run_step(step, resume)["found"] == [step.fingerprint]
    assert not step.runs.exists()


def test_metrics_are_readable_json(step: Step) -> None:
    run_step(step, Work())
    written = json.loads((step.folder / "metrics.json").read_text())
    assert written["fingerprint"] == step.fingerprint
    assert list(step.folder.glob("*.partial")) == []
