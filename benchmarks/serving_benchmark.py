"""The steps of `cascade bench serve`: unloaded, goodput, the same with events, and what a feed and Serve cost."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Final, TypeVar

import numpy as np

from benchmarks.answers import read_feeds, read_nothing
from benchmarks.beside_events import BesideEvents, BusyPoint, with_events
from benchmarks.compute import WARM_UP, Compute, measure_compute
from benchmarks.http_client import Address, Pool
from benchmarks.load import Schedule
from benchmarks.machine import describe
from benchmarks.measurement import Measurement, Target
from benchmarks.noop import PREFIX, noop_application
from benchmarks.point import Point
from benchmarks.report import Floor, Plan, Report, goodput, stage_at
from benchmarks.state_reads import StateReads, read_states
from benchmarks.sweep import Measure, find_goodput
from benchmarks.users import FEED, FeedRequests
from cluster.errors import CascadeError
from cluster.processes.run_state import Run
from cluster.settings import Store

T = TypeVar("T")

#: Requests of the compute measurement, its warm-up not counted.
COMPUTED: Final = 300
UNLOADED_RATE: Final = 1.0
#: State reads/s.
STATE_READS: Final = 200.0
#: The unloaded point lasts so many times as long as the others, for it has one request a second.
UNLOADED_LENGTH: Final = 3


class ServingBenchmark:
    """Measures the server of `plan` with `requests`; `say` is told what is being done."""

    def __init__(
        self, plan: Plan, requests: FeedRequests, beside: BesideEvents | None, say: Callable[[str], None]
    ) -> None:
        """With `beside`, every point is measured with events too."""
        self._plan = plan
        self._requests = requests
        self._beside = beside
        self._say = say
        self._address = Address.parse(plan.address)
        self._schedule = Schedule(
            UNLOADED_RATE, seconds=plan.seconds, warmup=plan.warmup, timeout=plan.timeout, seed=plan.seed
        )
        self._not_reported = ["surfaces but home", "servers on other machines than the load generator"]

    async def run(self, *, floor_of: Run | None, compute: bool, state_of: tuple[str, Store] | None) -> Report:
        """Measure everything; the floor only with `floor_of`, the Run of that server, the compute only if asked for.

        `state_of` is the state store of which reads are measured, if they are.
        Raises CascadeError when the server does not answer. What else cannot be measured is named in the report.
        """
        machine = describe()
        unloaded, points, busy = await self._feeds()
        found = goodput(points, self._plan.slo_ms)
        cost = await self._try("compute and efficiency", self._compute() if compute else None)
        reads = await self._try("state reads", self._state_reads(*state_of) if state_of else None)
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
            state_ms=stage_at(points, found, "state"),
            state_reads=reads,
            with_events=with_events(self._beside.plan, busy, found, self._plan.slo_ms) if self._beside else None,
            not_reported=self._not_reported,
        )

    async def _feeds(self) -> tuple[Point, list[Point], list[BusyPoint]]:
        """The unloaded point, and those of the search or of the given rates, without events and with them in turn."""
        plan = self._plan
        points: list[Point] = []
        busy: list[BusyPoint] = []
        turn = asyncio.Lock()  # who has waited longest is next
        async with Pool(self._address, plan.connections) as pool:
            target = Target("feeds", pool, self._requests.draw, lambda bodies: read_feeds(bodies, plan.limit))
            feeds = Measurement(target, self._schedule, self._say)

            async def meets(rate: float) -> bool:
                async with turn:
                    points.append(await feeds.point(rate))
                return points[-1].meets(plan.slo_ms)

            async def meets_with(beside: BesideEvents, rate: float) -> bool:
                async with turn:
                    self._say(f"with {beside.plan.events_per_s:g} events/s:")
                    busy.append(await beside.point(lambda: feeds.point(rate)))
                return busy[-1].meets(plan.slo_ms)

            unloaded = await feeds.point(UNLOADED_RATE, plan.seconds * UNLOADED_LENGTH)
            searches = [self._search(meets)]
            if self._beside is not None:
                searches.append(self._search(partial(meets_with, self._beside)))
            await asyncio.gather(*searches)
        return unloaded, points, busy

    async def _search(self, meets: Measure) -> None:
        """Measure the given rates, or those that lead to the goodput."""
        if not self._plan.rates:
            await find_goodput(meets)
        for rate in self._plan.rates:
            await meets(rate)

    async def _state_reads(self, url: str, settings: Store) -> StateReads:
        """Reads alone, and with events beside."""
        schedule = replace(self._schedule, rate=STATE_READS)

        async def read() -> Point:
            self._say(f"state reads, {STATE_READS:g}/s: {schedule.warmup + schedule.seconds:g} s ...")
            return await read_states(url, settings, self._requests.users, schedule)

        quiet = await read()
        return StateReads(quiet, (await self._beside.during(read))[0] if self._beside else None)

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
