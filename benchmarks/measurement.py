"""Measuring a server at one rate after another."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.answers import Answers
from benchmarks.http_client import Pool
from benchmarks.load import Draw, Schedule, open_loop, settle
from benchmarks.point import Point, counted_bodies, summarise
from cluster.errors import CascadeError


@dataclass(frozen=True, slots=True)
class Target:
    """What is asked, over which connections, and how its answers are read."""

    pool: Pool
    draw: Draw
    read: Callable[[Sequence[bytes]], Answers]


class Measurement:
    """Makes points of `target`; `schedule` gives all but their rates."""

    def __init__(self, target: Target, schedule: Schedule, report: Callable[[Point], None]) -> None:
        self._target = target
        self._schedule = schedule
        self._report = report

    async def point(self, rate: float, seconds: float | None = None) -> Point:
        """Measure `rate` requests/s once the server has come to rest. Raises CascadeError when it never does."""
        schedule = replace(self._schedule, rate=rate, seconds=seconds or self._schedule.seconds)
        target = self._target
        probe = target.draw(1, np.random.default_rng(schedule.seed))[0]
        if not await settle(target.pool, probe, quick=schedule.timeout / 2):
            raise CascadeError(
                f"no 200 answer from {target.pool.address} within {schedule.timeout / 2:g} s, one request at a time",
                "see `cascade status`, and ask it with curl",
            )
        trace = await open_loop(target.pool, target.draw, schedule)
        point = summarise(trace, target.read(counted_bodies(trace)))
        self._report(point)
        return point
