"""Where a run computes, on how much of the cluster, and where it writes while it is unfinished."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import ray
from ray.train import ScalingConfig
from ray.util.placement_group import placement_group, remove_placement_group

from cluster.errors import CascadeError, InvalidField
from training.train.curves import tensorboard
from training.train.run import Listener
from training.train.storage import Storage

#: Logical CPUs of one worker.
WORKER_CPUS: Final = 0.5
#: Seconds in which an autoscaler should have shown that it makes room.
PATIENCE_S: Final = 45.0
#: What Ray Data must find beside the workers, or it waits for ever.
READING: Final = {"CPU": 1.0}


@dataclass(frozen=True, slots=True)
class Placement:
    """Everything that may differ between two launches of one recipe."""

    #: Fewest and most. Where they differ, Ray Train takes what the cluster has, and follows when that changes.
    workers: tuple[int, int] = (1, 1)
    #: Whether each worker has a GPU. Trees are grown on CPUs in any case.
    gpus: bool = False
    #: URL or path where unfinished runs keep their checkpoints; default: in the step's folder.
    storage: str | None = None
    #: Folder for TensorBoard's curves.
    tensorboard: Path | None = None
    #: Times that failed workers are started again, from the last checkpoint.
    retries: int = 2
    #: Where a step computes in the process that runs it, without Ray Train: who is told what it measures.
    here: Listener | None = None
    #: Seconds after which a cluster that has no room for the workers is given up.
    patience_s: float = PATIENCE_S

    @property
    def decisive(self) -> dict[str, Any]:
        """What changes the numbers that a run computes: how rows are dealt out, and on what sums are made."""
        return {"workers": self.workers, "gpus": self.gpus}

    @property
    def worker(self) -> dict[str, float]:
        """What one worker holds."""
        return {"CPU": WORKER_CPUS} | ({"GPU": 1.0} if self.gpus else {})

    @property
    def scaling(self) -> ScalingConfig:
        fewest, most = self.workers
        return ScalingConfig(
            num_workers=most if fewest == most else (fewest, most),
            use_gpu=self.gpus,
            resources_per_worker=self.worker,
        )

    def check_targets(self) -> None:
        """Raises CascadeError when it could not be written to where it says: rather now than after hours."""
        if self.storage is not None:
            Storage.at(self.storage)
        if self.tensorboard is not None:
            tensorboard()

    def check_room(self) -> None:
        """Wait until the cluster has room for the fewest workers. Raises CascadeError when it has none in time."""
        asked = f"{self.workers[0]} workers with {amounts(self.worker)} each, and {amounts(READING)} to read with"
        check_room([self.worker] * self.workers[0] + [READING], asked, self.patience_s)


def check_room(bundles: list[dict[str, float]], asked: str, patience_s: float) -> None:
    """Wait until the cluster has room for `bundles`, as an autoscaler may have to make it; none of it is held.

    Raises CascadeError when it has none in time; `asked` names what.
    """
    room = placement_group(bundles)
    found = room.wait(patience_s)
    remove_placement_group(room)
    if not found:
        raise CascadeError(
            f"the cluster has no room for {asked}: it has {amounts(ray.cluster_resources())}, "
            f"of which {amounts(ray.available_resources())} are free",
            "ask for less, or wait until others are done; RAY_ADDRESS names another cluster",
        )


def workers_of(text: str) -> tuple[int, int]:
    """`4` as (4, 4), `1:4` as (1, 4). Raises InvalidField."""
    found = re.fullmatch(r"([0-9]+)(?::([0-9]+))?", text)
    fewest, most = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
    if not 1 <= fewest <= most:
        raise InvalidField("--workers", text, "must be a number above 0, or the fewest and the most as in 1:4")
    return fewest, most


def amounts(resources: dict[str, float]) -> str:
    """CPUs and GPUs in words."""
    found = [f"{resources[name]:g} {name}" for name in ("CPU", "GPU") if name in resources]
    return " and ".join(found) or "nothing"
