"""What a synthetic world is made from. Equal parameters give equal files, byte for byte."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from cluster.errors import InvalidField
from kernels.columns import DAY_MS

#: Dimensions of the latent space in which tastes and contents live.
LATENT_DIM: Final = 16
#: Monday, 1 January 2024, 00:00 UTC: the first logged day of every world. Local time is UTC.
START_MS: Final = 1_704_067_200_000
UTC_OFFSET_MINUTES: Final = 0
#: Posts are published from so many days before the log begins until its end.
BACKLOG_DAYS: Final = 21

#: Streams of random numbers; a stage's draws do not move when another stage changes.
STAGES: Final = ("population", "posts", "graph", "popularity", "plan", "session")


@dataclass(frozen=True, slots=True)
class Parameters:
    """Size and seed of a world.

    `drift`: by how many radians every taste turns per day, towards a direction of its own; 0 = tastes stay.
    """

    users: int = 2_000
    posts: int = 3_000
    days: int = 14
    seed: int = 1
    drift: float = 0.0

    def __post_init__(self) -> None:
        for name, least in (("users", 20), ("posts", 50), ("days", 1), ("seed", 0)):
            if getattr(self, name) < least:
                raise InvalidField(name, getattr(self, name), f"must be at least {least}")
        if not 0 <= self.drift <= 1:
            raise InvalidField("drift", self.drift, "must be 0 to 1 radian per day")

    @property
    def end_ms(self) -> int:
        return START_MS + self.days * DAY_MS

    def rng(self, stage: str, *key: int) -> np.random.Generator:
        """The random numbers of a stage, and of a day and a round within it."""
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(STAGES.index(stage), *key)))
