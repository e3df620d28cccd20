"""How much of the cluster a search may take."""

import os
from dataclasses import dataclass

from cluster.errors import InvalidField
from cluster.settings import Settings
from training.train.placement import PATIENCE_S, amounts, check_room


@dataclass(frozen=True, slots=True)
class Resources:
    """What each trial is given, and how many there are at once."""

    concurrency: int = 1
    cpus: int = 1  # also the threads that a trial computes with
    gpus: bool = False

    @property
    def trial(self) -> dict[str, float]:
        return {"CPU": float(self.cpus)} | ({"GPU": 1.0} if self.gpus else {})

    def check(self, settings: Settings) -> None:
        """Raises InvalidField for less than one, and for more CPUs than the Ray of this machine would have."""
        for field, value in (("--concurrency", self.concurrency), ("--cpus-per-trial", self.cpus)):
            if value < 1:
                raise InvalidField(field, value, "must be at least 1")
        if _local() and self.concurrency * self.cpus > settings.ray.cpus:
            asked = f"{self.concurrency} x {self.cpus}"
            there = f"Ray on this machine has {settings.ray.cpus} CPUs (setting ray.num_cpus)"
            raise InvalidField("--concurrency x --cpus-per-trial", asked, there)

    def check_room(self) -> None:
        """Raises CascadeError when the cluster, once there is one, has no room; only others' may grow."""
        asked = f"{self.concurrency} trials with {amounts(self.trial)} each"
        check_room([self.trial] * self.concurrency, asked, 1.0 if _local() else PATIENCE_S)


def _local() -> bool:
    return "RAY_ADDRESS" not in os.environ
