"""Measuring a server at one rate after another."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from benchmarks.answers import Answers
from benchmarks.http_client import Pool
from benchmarks.load import Draw, Schedule, open_loop, settle
from benchmarks.point import Point, counted_bodies, summarise
from cluster.errors import CascadeError

#: A server may take this many timeouts to come to rest.
PATIENCE_TIMEOUTS: Final = 5


@dataclass(frozen=True, slots=True)
class Target:
    """What is asked, over which connections, and how its answers are read."""

    name: str
    pool: Pool
    draw: Draw
    read: Callable[[Sequence[bytes]], Answers]


class Measurement:
    """Makes points of `target`. `schedule` gives all but their rates; `say` is told of each before and after it."""

    def __init__(self, target: Target, schedule: Schedule, say: Callable[[str], None]) -> None:
        self._target = target
        self._schedule = schedule
        self._say = say

    async def point(self, rate: float, seconds: float | None = None) -> Point:
        """Measure `rate` requests/s once the server has come to rest. Raises CascadeError when it never does."""
        schedule = replace(self._schedule, rate=rate, seconds=seconds or self._schedule.seconds)
        target = self._target
        self._say(f"{target.name}, {rate:g}/s: {schedule.warmup + schedule.seconds:g} s ...")
        await self.rest()
        trace = await open_loop(target.pool, target.draw, schedule)
        point = summarise(trace, target.read(counted_bodies(trace)))
        errors = f", errors {point.errors}" if point.errors else ""
        late = "" if point.valid else ", generator late"
        self._say(f"  p50 {point.latency_ms.p50:.1f} ms, p99 {point.latency_ms.p99:.1f} ms{errors}{late}")
        return point

    async def rest(self) -> None:
        """Wait until the server has worked off what came before. Raises CascadeError when it never does."""
        schedule = self._schedule
        probe = self._target.draw(1, schedule.rng("probe"))[0]
        quick = schedule.timeout / 2
        if not await settle(self._target.pool, probe, quick, patience=PATIENCE_TIMEOUTS * schedule.timeout):
            raise CascadeError(
                f"no 200 answer from {self._target.pool.address.url} within {quick:g} s, one request at a time",
                "see `cascade status`, and ask it with curl",
            )
