"""A surge of load, and what became of it: several times what a server can carry, between two quieter phases."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.answers import read_feeds
from benchmarks.arrivals import poisson
from benchmarks.histogram import Percentiles, percentiles
from benchmarks.load import Schedule, Trace
from benchmarks.point import count_statuses

REFUSED: Final = 503
#: The bars, in milliseconds, as a share of the peak, and in seconds.
REFUSE_MS: Final = 5.0
KEPT: Final = 0.9
RECOVERY_S: Final = 5


@dataclass(frozen=True, slots=True)
class Surge(Schedule):
    """`rate` for `quiet` seconds, `times` as much for `seconds`, half of it for `quiet` seconds."""

    quiet: float = 10.0
    times: float = 3.0

    @property
    def phases(self) -> dict[str, tuple[float, float, float]]:
        """Rate, beginning and end of each."""
        begin, end = self.quiet, self.quiet + self.seconds
        return {
            "before": (self.rate, 0.0, begin),
            "overload": (self.rate * self.times, begin, end),
            "after": (self.rate / 2, end, end + self.quiet),
        }

    def arrivals(self) -> NDArray[np.float64]:
        rng = self.rng("arrivals")
        return np.concatenate([poisson(*phase, rng) for phase in self.phases.values()])


@dataclass(frozen=True, slots=True)
class Phase:
    """What became of the requests that were due in a phase. Times count from when they were due."""

    name: str
    offered: float
    """Requests/s, as the rates below."""
    good: float
    """Answered within the objective."""
    refused: int
    accepted_ms: Percentiles
    refused_ms: Percentiles
    errors: dict[str, int]
    """Neither answered nor refused: by status, `timeout`, `broken`."""
    quality: float
    """Mean share of the candidates that answers were made of."""


@dataclass(frozen=True, slots=True)
class Bar:
    """What is asked of a server under too much load."""

    name: str
    value: float
    bound: float
    met: bool


@dataclass(frozen=True, slots=True)
class Second:
    """What was due in one second."""

    offered: int
    answered: int
    good: int
    refused: int
    p99_ms: float
    """Of what was answered."""


def phases(trace: Trace, surge: Surge, slo_ms: float) -> list[Phase]:
    """The three of them."""
    return [_phase(name, trace, begin, end, slo_ms) for name, (_, begin, end) in surge.phases.items()]


def _phase(name: str, trace: Trace, begin: float, end: float, slo_ms: float) -> Phase:
    due = (trace.intended >= begin) & (trace.intended < end)
    took = trace.done - trace.intended
    answered, refused = due & (trace.status == 200), due & (trace.status == REFUSED)
    return Phase(
        name=name,
        offered=float(due.sum() / (end - begin)),
        good=float((answered & (took <= slo_ms / 1e3)).sum() / (end - begin)),
        refused=int(refused.sum()),
        accepted_ms=percentiles(took[answered]),
        refused_ms=percentiles(took[refused]),
        errors=count_statuses(trace.status[due & ~answered & ~refused]),
        quality=read_feeds([trace.bodies[i] for i in np.flatnonzero(answered).tolist()], limit=0).quality,
    )


def by_second(trace: Trace, slo_ms: float) -> list[Second]:
    """Second by second of the whole run."""
    second = trace.intended.astype(np.int64)
    took = trace.done - trace.intended
    found = []
    for s in range(int(second.max()) + 1):
        due = second == s
        answered = due & (trace.status == 200)
        found.append(
            Second(
                offered=int(due.sum()),
                answered=int(answered.sum()),
                good=int((answered & (took <= slo_ms / 1e3)).sum()),
                refused=int((due & (trace.status == REFUSED)).sum()),
                p99_ms=percentiles(took[answered]).p99,
            )
        )
    return found


def recovery_s(seconds: Sequence[Second], end: float, slo_ms: float) -> int:
    """Seconds after `end` from which on every request is answered, p99 within the objective."""
    after = seconds[int(np.ceil(end)) :]
    bad = [s for s, second in enumerate(after) if second.offered and not _well(second, slo_ms)]
    return bad[-1] + 1 if bad else 0


def _well(second: Second, slo_ms: float) -> bool:
    return second.p99_ms <= slo_ms and second.answered == second.offered


def bars(found: Sequence[Phase], recovery: int, peak: float, deadline_ms: float) -> list[Bar]:
    """Each with what was found."""
    overload = found[1]
    kept, refusing = overload.good / peak, overload.refused_ms.p99
    errors = sum(sum(phase.errors.values()) for phase in found)
    return [
        Bar("accepted p99, ms", overload.accepted_ms.p99, deadline_ms, overload.accepted_ms.p99 <= deadline_ms),
        Bar("refused p99, ms", refusing, REFUSE_MS, not overload.refused or refusing < REFUSE_MS),
        Bar("goodput kept, of the peak", round(kept, 3), KEPT, kept >= KEPT),
        Bar("recovery, s", recovery, RECOVERY_S, recovery <= RECOVERY_S),
        Bar("other errors", errors, 0, not errors),
    ]
