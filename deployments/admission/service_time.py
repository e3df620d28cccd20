"""How long one feed holds the event loop, by those of the last moments."""

import math
from typing import Final

#: Weight of the newest feed in the mean.
WEIGHT: Final = 0.1
#: A feed counts as this many times the mean at most: a pause of the machine is no sign of what the next ones take.
OUTLIER: Final = 3.0
#: Mean deviations beyond the mean within which nearly all feeds are (Jacobson 1988, for round trips).
DEVIATIONS: Final = 4.0


class ServiceTime:
    """Moving mean and mean deviation, in seconds; both 0 until a feed is known."""

    def __init__(self) -> None:
        self.mean = 0.0
        self._deviation = 0.0

    def note(self, seconds: float) -> None:
        """A feed took so long."""
        if not self.mean:
            self.mean, self._deviation = seconds, seconds / 2
            return
        error = min(seconds, OUTLIER * self.mean) - self.mean
        self.mean += WEIGHT * error
        self._deviation += WEIGHT * (abs(error) - self._deviation)

    def bound(self, feeds: int) -> float:
        """What so many feeds, one after the other, hardly exceed: the deviation of their sum grows by the root."""
        return feeds * self.mean + DEVIATIONS * self._deviation * math.sqrt(feeds)
