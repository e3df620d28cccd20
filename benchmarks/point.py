"""One point of a measurement: what a run at one rate showed."""

from collections import Counter
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.answers import Answers, Stage
from benchmarks.histogram import Percentiles, percentiles
from benchmarks.http_client import BROKEN, TIMEOUT
from benchmarks.load import Trace

#: The generator's own lag may be this many milliseconds at p99, and this share of the p99 latency, whichever is
#: less; below FINE_MS it never matters.
LAG_MS: Final = 5.0
LAG_SHARE: Final = 0.1
FINE_MS: Final = 1.0
#: Share of the requests that must be answered within the run, and how many at its end may be under way in any case.
ACHIEVED: Final = 0.98
UNDER_WAY: Final = 2


@dataclass(frozen=True, slots=True)
class Point:
    """What a run showed, over the requests due after the warm-up. Latency counts from the intended time."""

    rate: float
    """Requests/s offered."""
    seconds: float
    requests: int
    achieved: float
    """200 answers/s that came within the measured seconds."""
    latency_ms: Percentiles
    """Of 200 answers, and of timeouts at the time they were given up. Other failures are counted, not timed."""
    lag_ms: Percentiles
    """Sent minus intended: the generator's own doing. Without requests that waited for a connection."""
    waited: int
    """Requests that found all connections busy."""
    errors: dict[str, int]
    """Count of each: HTTP status other than 200, `timeout`, `broken` connection, `malformed` answer."""
    degraded: int
    short: int
    cold_start: int
    stages_ms: dict[str, Stage]
    client_cpu_us: float
    """CPU of the generator per request, warm-up included."""
    client_realtime: bool
    """Whether the generator went before the servers when it had something to do."""
    valid: bool
    """False when the generator's lag is large enough to blur the result."""
    quality: float = 1.0
    """Mean share of the candidates that feeds were made of: below 1 where the server was too busy for all."""

    def meets(self, slo_ms: float) -> bool:
        """Valid, p99 within `slo_ms`, no error, and the offered rate kept up with."""
        offered = self.rate * self.seconds
        kept_up = self.achieved * self.seconds >= min(ACHIEVED * offered, offered - UNDER_WAY)
        return self.valid and not self.errors and kept_up and self.latency_ms.p99 <= slo_ms


def summarise(trace: Trace, answers: Answers) -> Point:
    """Make the point of `trace`, whose 200 answers of counted requests say `answers`."""
    schedule, counted = trace.schedule, trace.counted
    answered = trace.status == 200
    timed = counted & (answered | (trace.status == TIMEOUT))
    latency = percentiles((trace.done - trace.intended)[timed])
    lag = percentiles(trace.lag)
    in_time = answered & (trace.done >= schedule.warmup) & (trace.done < schedule.warmup + schedule.seconds)
    return Point(
        rate=schedule.rate,
        seconds=schedule.seconds,
        requests=int(counted.sum()),
        achieved=float(in_time.sum() / schedule.seconds),
        latency_ms=latency,
        lag_ms=lag,
        waited=int((counted & trace.queued).sum()),
        errors=count_errors(trace.status[counted], answers),
        degraded=answers.degraded,
        short=answers.short,
        cold_start=answers.cold_start,
        stages_ms=answers.stages_ms,
        client_cpu_us=float(trace.client_cpu / max(1, len(trace.intended)) * 1e6),
        client_realtime=trace.client_realtime,
        valid=lag.p99 <= max(FINE_MS, min(LAG_MS, LAG_SHARE * latency.p99)),
        quality=answers.quality,
    )


def counted_bodies(trace: Trace) -> list[bytes]:
    """Bodies of the 200 answers to counted requests."""
    return [trace.bodies[i] for i in np.flatnonzero(trace.counted & (trace.status == 200)).tolist()]


def count_errors(status: NDArray[np.int16], answers: Answers) -> dict[str, int]:
    """Count of each kind of failure: HTTP status other than 200, `timeout`, `broken`, `malformed`."""
    errors = count_statuses(status[status != 200])
    return errors | {"malformed": answers.malformed} if answers.malformed else errors


def count_statuses(status: NDArray[np.int16]) -> dict[str, int]:
    """Count of each HTTP status, `timeout` and `broken`."""
    names = {TIMEOUT: "timeout", BROKEN: "broken"}
    return dict(Counter(names.get(s, str(s)) for s in np.sort(status).tolist()))
