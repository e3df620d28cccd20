"""The steps of `cascade bench serve`: unloaded, goodput, and beside them what a feed costs and what Serve costs."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final, TypeVar

import numpy as np

from benchmarks.answers import read_feeds, read_nothing
from benchmarks.compute import WARM_UP, Compute, measure_compute
from benchmarks.http_client import Address, Pool
from benchmarks.load import Schedule
from benchmarks.machine import describe
from benchmarks.measurement import Measurement, Target
from benchmarks.noop import PREFIX, noop_application
from benchmarks.point import Point
from benchmarks.report import Floor, Plan, Report, goodput
from benchmarks.sweep import find_goodput
from benchmarks.users import FEED, FeedRequests
from cluster.errors import CascadeError
from cluster.processes.run_state import Run

T = TypeVar("T")

#: Requests of the compute measurement, its warm-up not counted.
COMPUTED: Final = 300
UNLOADED_RATE: Final = 1.0
#: The unloaded point lasts so many times as long as the others, for it has one request a second.
UNLOADED_LENGTH: Final = 3


class ServingBenchmark:
    """Measures the server of `plan` with `requests`; `say` is told what is being done."""

    def __init__(self, plan: Plan, requests: FeedRequests, say: Callable[[str], None]) -> None:
        self._plan = plan
        self._requests = requests
        self._say = say
        self._address = Address.parse(plan.address)
        self._schedule = Schedule(
            UNLOADED_RATE, seconds=plan.seconds, warmup=plan.warmup, timeout=plan.timeout, seed=plan.seed
        )
        self._not_reported = ["surfaces but home", "servers on other machines than the load generator"]

    async def run(self, *, floor_of: Run | None, compute: bool) -> Report:
        """Measure everything; the floor only with `floor_of`, the Run of that server, the compute only if asked for.

        Raises CascadeError when the server does not answer. What else cannot be measured is named in the report.
        """
        machine = describe()
        unloaded, points = await self._feeds()
        found = goodput(points, self._plan.slo_ms)
        cost = await self._try("compute and efficiency", self._compute() if compute else None)
        floor = await self._try("the no-op", self._floor(floor_of, found) if floor_of else None)
        met = [point.lag_ms.p99 for point in points if point.meets(self._plan.slo_ms)]
        return Report(
            benchmark="serve",
            machine=machine,
            plan=self._plan,
            goodput_rps=found,
            unloaded_p50_ms=unloaded.latency_ms.p50,
            floor_p50_ms=floor.unloaded.latency_ms.p50 if floor else None,
            compute_ms=cost.cpu_ms if cost else None,
            efficiency=round(found * cost.cpu_ms / 1e3 / machine.cores, 4) if cost else None,
            lag_p99_ms=max(met, default=float("nan")),
            unloaded=unloaded,
            points=points,
            floor=floor,
            compute=cost,
            not_reported=self._not_reported,
        )

    async def _feeds(self) -> tuple[Point, list[Point]]:
        """The unloaded point, and those of the sweep or of the given rates."""
        plan = self._plan
        points: list[Point] = []
        async with Pool(self._address, plan.connections) as pool:
            target = Target("feeds", pool, self._requests.draw, lambda bodies: read_feeds(bodies, plan.limit))
            feeds = Measurement(target, self._schedule, self._say)

            async def meets(rate: float) -> bool:
                points.append(await feeds.point(rate))
                return points[-1].meets(plan.slo_ms)

            unloaded = await feeds.point(UNLOADED_RATE, plan.seconds * UNLOADED_LENGTH)
            if not plan.rates:
                await find_goodput(meets)
            for rate in plan.rates:
                await meets(rate)
        return unloaded, points

    async def _floor(self, run: Run, rate: float) -> Floor:
        """The no-op unloaded and at `rate`, asked with a feed request."""
        self._say("deploying the no-op ...")
        address = replace(self._address, prefix=PREFIX)
        [body] = self._requests.bodies(1, np.random.default_rng(self._plan.seed))
        payload = address.post(FEED, body)
        with noop_application(run):
            async with Pool(address, self._plan.connections) as pool:
                target = Target("no-op", pool, lambda n, _: [payload] * n, read_nothing)
                noop = Measurement(target, self._schedule, self._say)
                unloaded = await noop.point(UNLOADED_RATE, self._plan.seconds * UNLOADED_LENGTH)
                return Floor(unloaded, await noop.point(rate) if rate else None)

    async def _compute(self) -> Compute:
        self._say(f"compute, {COMPUTED} feeds without HTTP ...")
        bodies = self._requests.bodies(WARM_UP + COMPUTED, np.random.default_rng(self._plan.seed))
        return await asyncio.to_thread(measure_compute, bodies)

    async def _try(self, what: str, measuring: Awaitable[T] | None) -> T | None:
        """What `measuring` gives; when it fails or is None, the report says that `what` is missing, and why."""
        why = "not asked for, or not a server that `cascade up` runs here"
        if measuring is not None:
            try:
                return await measuring
            except CascadeError as error:
                why = str(error)
        self._say(f"  without {what}: {why}")
        self._not_reported.append(f"{what}: {why}")
        return None
