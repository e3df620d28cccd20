"""A training step: work whose result is kept in a folder and reused while nothing it depends on has changed."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from kernels.features import FEATURES
from training.train.placement import Placement
from training.train.storage import Storage

#: Raised when the code changes what a step writes or computes, so that results of older code are not reused.
FORMAT: Final = 2

Json = str | int | float | bool | None | list[Any] | dict[str, Any]
Metrics = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Step:
    """One unit of training. `config` is a frozen dataclass; `inputs` names what else the result depends on: the
    fingerprint of the data, the days, the fingerprints of steps whose output is read.
    """

    name: str
    folder: Path
    config: Any
    inputs: Mapping[str, Json]
    placement: Placement = field(default_factory=Placement)

    @property
    def fingerprint(self) -> str:
        """Sixteen hex digits that change with the config, the inputs, the feature schema and the code's format."""
        features = [(f.name, f.group, f.needs, f.default) for f in FEATURES]
        parts = [FORMAT, self.name, asdict(self.config), dict(self.inputs), self.placement.decisive, features]
        return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:16]

    @property
    def runs(self) -> Path:
        """Where an unfinished run keeps its checkpoints unless told otherwise; gone once the step is finished."""
        return self.folder / "runs"

    @property
    def storage(self) -> Storage:
        """Where its checkpoints are, in a folder named by the fingerprint."""
        return Storage.at(self.placement.storage or str(self.runs))

    @property
    def curves(self) -> Path | None:
        """Where TensorBoard finds the run's curves."""
        folder = self.placement.tensorboard
        return folder and folder / f"{self.folder.parent.name}-{self.name}-{self.fingerprint[:8]}"

    @property
    def finished(self) -> Metrics | None:
        """What `metrics.json` holds if it was written by this very step, else None."""
        path = self.folder / "metrics.json"
        if not path.exists():
            return None
        metrics: Metrics = json.loads(path.read_text())
        return metrics if metrics.get("fingerprint") == self.fingerprint else None


def run_step(step: Step, work: Callable[[Step], Metrics]) -> Metrics:
    """Return the step's metrics: from its folder if finished, else by `work`, which writes into `step.folder`.

    `metrics.json` is written last and at once, so a folder that has it is complete. After a crash the next call
    finds `step.runs/<fingerprint>` as it was left; runs of another fingerprint are removed.
    """
    if (metrics := step.finished) is not None:
        return metrics
    _clear(step)
    metrics = {"step": step.name, "fingerprint": step.fingerprint, "config": asdict(step.config), **work(step)}
    partial = step.folder / "metrics.json.partial"
    partial.write_text(json.dumps(metrics, indent=2, default=str) + "\n")
    os.replace(partial, step.folder / "metrics.json")
    if step.placement.storage is not None:
        step.storage.remove(step.fingerprint)
    shutil.rmtree(step.runs, ignore_errors=True)
    return metrics


def _clear(step: Step) -> None:
    """Empty the folder of everything but the checkpoints of this very step."""
    step.folder.mkdir(parents=True, exist_ok=True)
    stale = [path for path in step.folder.iterdir() if path != step.runs]
    if step.runs.exists():
        stale += [path for path in step.runs.iterdir() if path.name != step.fingerprint]
    # metrics.json goes first: a crash half-way must not leave a folder that looks finished.
    for path in sorted(stale, key=lambda path: path.name != "metrics.json"):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
