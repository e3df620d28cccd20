"""The steps of `cascade bench events`: unloaded, the highest sustained rate, and beside them the append alone."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.answers import read_acknowledgements, read_nothing
from benchmarks.direct import Direct
from benchmarks.effect import EffectWatch
from benchmarks.event_batches import DataSetPosts, EventBatches
from benchmarks.events_report import EventsPlan, EventsPoint, EventsReport, RawAppends, highest_held
from benchmarks.http_client import Address, Pool
from benchmarks.lag import Lags, collected_s
from benchmarks.load import Schedule, open_loop
from benchmarks.machine import describe
from benchmarks.measurement import Measurement, Target
from benchmarks.point import Point, summarise
from benchmarks.sweep import find_goodput
from cluster.clock import Clock
from cluster.event_intake import take_in
from cluster.event_log import EventLog
from cluster.events import Event
from cluster.processes.run_state import Run
from cluster.settings import Settings
from cluster.store.client import OnlineStore
from training.data.dataset import DataSet

#: Events/s with which the search begins.
START: Final = 1000.0
UNLOADED_BATCHES: Final = 1.0
#: The unloaded point lasts so many times as long as the others.
UNLOADED_LENGTH: Final = 3
#: How the append alone is driven: tasks at a time, events in all. Fewer than consumers may be behind.
APPENDERS: Final = 8
APPENDED: Final = 50_000


class EventsBenchmark:
    """Measures `run` as `plan` says; `say` is told what is being done."""

    def __init__(self, plan: EventsPlan, run: Run, settings: Settings, say: Callable[[str], None]) -> None:
        """Raises CascadeError when there is no data set to make events of."""
        self._plan = plan
        self._run = run
        self._settings = settings
        self._say = say
        self._address = Address.parse(plan.address)
        dataset = DataSet.open(Path(plan.dataset))
        self._users = np.asarray(dataset.read("users", ["user_id"])["user_id"], np.int64)
        self._posts = DataSetPosts(dataset)
        self._batches = EventBatches(self._address, dataset, self._posts, plan.batch)
        self._schedule = Schedule(
            UNLOADED_BATCHES, seconds=plan.seconds, warmup=plan.warmup, timeout=plan.timeout, seed=plan.seed
        )

    async def run(self) -> EventsReport:
        """Measure everything. Raises CascadeError when server or event store do not answer."""
        machine, plan = describe(), self._plan
        async with (
            Pool(self._address, plan.connections) as pool,
            OnlineStore(self._run.store_url, self._settings.store.patient()) as store,
            Lags(self._address, collected_s(self._settings)) as lags,
        ):
            unloaded, points = await self._sweep(pool, store, lags)
            sustained = highest_held(points, plan.slo_ms)
            async with EventLog(self._run.events_url, self._settings.events.patient()) as log:
                floor = await self._floor(log, lags, sustained)
        return EventsReport(
            benchmark="events",
            machine=machine,
            plan=plan,
            sustained_events_per_s=sustained.events_per_s if sustained else 0.0,
            sustained=sustained,
            unloaded=unloaded,
            points=points,
            floor=floor,
            not_reported=[] if unloaded.consumers else ["consumers: none tells of itself"],
        )

    async def _sweep(self, pool: Pool, store: OnlineStore, lags: Lags) -> tuple[EventsPoint, list[EventsPoint]]:
        """The unloaded point, and those of the search or of the given rates."""
        plan = self._plan
        target = Target("batches", pool, self._batches.draw, lambda bodies: read_acknowledgements(bodies, plan.batch))
        requests = Measurement(target, self._schedule, self._say)
        points: list[EventsPoint] = []

        async def point(rate: float, seconds: float) -> EventsPoint:
            await lags.drained()
            rng = np.random.default_rng([plan.seed, round(rate)])
            async with EffectWatch(self._address, store, self._users, self._posts.ids, rng) as watch:
                batches = await requests.point(rate / plan.batch, seconds)
                end = time.time()
            return EventsPoint(rate, batches, watch.effect, lags.during(end - seconds, end, rate))

        async def held(rate: float) -> bool:
            points.append(await point(rate, plan.seconds))
            self._say(f"  {points[-1].verdict(plan.slo_ms)}")
            return points[-1].held(plan.slo_ms)

        unloaded = await point(UNLOADED_BATCHES * plan.batch, plan.seconds * UNLOADED_LENGTH)
        if not plan.rates:
            await find_goodput(held, START)
        for rate in plan.rates:
            await held(rate)
        return unloaded, points

    async def _floor(self, log: EventLog, lags: Lags, sustained: EventsPoint | None) -> RawAppends:
        """Append what the server would have appended."""
        await lags.drained()
        unloaded = await self._appends(log, UNLOADED_BATCHES, self._plan.seconds * UNLOADED_LENGTH)
        at_sustained = None
        if sustained is not None:
            at_sustained = await self._appends(log, sustained.events_per_s / self._plan.batch, self._plan.seconds)
            await lags.drained()
        return RawAppends(await self._most(log), unloaded, at_sustained)

    async def _appends(self, log: EventLog, rate: float, seconds: float) -> Point:
        """Open loop with `rate` batches/s."""
        self._say(f"append alone, {rate:g} batches/s: {self._plan.warmup + seconds:g} s ...")
        batches: dict[bytes, Sequence[Event]] = {}

        def draw(n: int, rng: np.random.Generator) -> Sequence[bytes]:
            batches.update((b"%d" % i, batch) for i, batch in enumerate(self._records(n, rng)))
            return list(batches)

        direct = Direct(lambda number: log.append(batches[number]))
        trace = await open_loop(direct, draw, replace(self._schedule, rate=rate, seconds=seconds))
        return summarise(trace, read_nothing(trace.bodies))

    async def _most(self, log: EventLog) -> float:
        """Events/s that are appended when the next batch of a task follows at once."""
        self._say(f"append alone, {APPENDED} events as fast as they go ...")
        batches = iter(self._records(APPENDED // self._plan.batch, self._schedule.rng("most")))
        begin = time.monotonic()

        async def append() -> int:
            return sum([len(await log.append(batch)) for batch in batches])

        appended = await asyncio.gather(*(append() for _ in range(APPENDERS)))
        return sum(appended) / (time.monotonic() - begin)

    def _records(self, n: int, rng: np.random.Generator) -> list[Sequence[Event]]:
        """What the server makes of n batches."""
        now_ms = Clock(self._run.clock_offset_ms).now_ms()
        return [take_in(body, now_ms, self._posts).events for body in self._batches.bodies(n, rng)]
