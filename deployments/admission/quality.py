"""The quality factor: the share of the candidates that feeds are made of, which falls while feeds wait too long."""

from collections.abc import Callable
from typing import Final

import numpy as np

#: Share of the factor that is left after a look at its worst, and what it gains in a second without waits.
STEEPEST: Final = 0.7
GAIN_PER_S: Final = 0.1
#: Share of the target below which waits count as short, so that the factor does not swing about the target.
CALM: Final = 0.5


class Quality:
    """Falls by ratio, at most by `STEEPEST` a look, and comes back by steps, as TCP shares a line (Chiu, Jain 1989)."""

    def __init__(self, target_s: float, floor: float, clock: Callable[[], float]) -> None:
        """`target_s`: what p95 of the waits is to keep below; `clock` tells seconds."""
        #: 1: all candidates; never below `floor`.
        self.factor = 1.0
        self._target_s = target_s
        self._floor = floor
        self._clock = clock
        self._looked = clock()
        self._waits: list[float] = []

    def note(self, wait_s: float) -> None:
        """A feed has waited so long for its turn."""
        self._waits.append(wait_s)

    def look(self) -> None:
        """Judge the waits since the last look. To be called a few times a second, also while nobody asks."""
        now = self._clock()
        p95 = float(np.percentile(self._waits, 95)) if self._waits else 0.0
        if p95 > self._target_s:
            self.factor = max(self._floor, self.factor * max(STEEPEST, self._target_s / p95))
        elif p95 < CALM * self._target_s:
            self.factor = min(1.0, self.factor + GAIN_PER_S * (now - self._looked))
        self._looked = now
        self._waits.clear()
