"""The steps of `cascade bench soak`: feeds and events for a long time, and what becomes of the processes."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Final

import psutil

from benchmarks.answers import read_feeds
from benchmarks.event_flow import EventFlow, Flowed, FlowPlan
from benchmarks.http_client import Address, Pool
from benchmarks.lag import Lags, collected_s
from benchmarks.load import Schedule
from benchmarks.machine import describe
from benchmarks.measurement import Measurement, Target
from benchmarks.memory import MemoryWatch, process_name, processes_of
from benchmarks.point import Point
from benchmarks.soak_report import SoakPlan, SoakReport, StreamGrowth, soaked
from benchmarks.stream_lengths import stream_lengths
from benchmarks.users import FeedRequests
from cluster.errors import CascadeError
from cluster.processes.run_state import Run
from cluster.settings import Settings
from cluster.store.consumers import ConsumerStatus

#: Length of a part in seconds; the answers of a part are kept in memory until it ends.
PART_S: Final = 30.0
#: Feeds before the first part that do not count, in seconds.
WARM_UP_S: Final = 3.0
TIMEOUT_S: Final = 2.0
CONNECTIONS: Final = 512


class SoakBenchmark:
    """Loads `run` as `plan` says; `say` is told what is being done."""

    def __init__(
        self, plan: SoakPlan, run: Run, requests: FeedRequests, settings: Settings, say: Callable[[str], None]
    ) -> None:
        self._plan = plan
        self._run = run
        self._requests = requests
        self._settings = settings
        self._say = say
        self._address = Address.parse(plan.address)
        self._not_reported: list[str] = []

    async def run(self) -> SoakReport:
        """Load and watch. Raises CascadeError when the server does not answer in the first part."""
        machine = describe()
        streams = await asyncio.to_thread(stream_lengths, self._run.urls)
        async with Lags(self._address, collected_s(self._settings)) as lags:
            roles = self._roles(await lags.look())
            before = self._processes(roles)
            watched = [(name, process) for process, name in before.items()]
            async with MemoryWatch(watched, self._plan.every) as memory, self._events() as flow:
                parts, begin = await self._parts()
                consumers = lags.during(begin, time.time(), self._plan.events_per_s)
                flowed = await self._flowed(flow)
            after = self._processes(roles | self._roles(await lags.look()))
        streams_after = await asyncio.to_thread(stream_lengths, self._run.urls)
        return SoakReport(
            benchmark="soak",
            machine=machine,
            plan=self._plan,
            feeds=soaked(parts),
            parts=parts,
            events=flowed,
            consumers=consumers,
            memory=list(memory.grown()),
            streams=[StreamGrowth(name, streams.get(name, 0), end) for name, end in sorted(streams_after.items())],
            ended=[f"{name} {process.pid}" for process, name in before.items() if process not in after],
            started=[f"{name} {process.pid}" for process, name in after.items() if process not in before],
            not_reported=self._not_reported,
        )

    def _roles(self, consumers: Sequence[ConsumerStatus]) -> dict[int, str]:
        """What the processes do that are no deployments, by their ids."""
        roles = {each.pid: f"consumer {each.name}" for each in consumers if each.pid is not None}
        stores = {"state store": self._run.store, "event store": self._run.events}
        roles |= {each.pid: role for role, each in stores.items() if each is not None}
        return roles | {self._run.up.pid: "cascade up"}

    def _processes(self, roles: Mapping[int, str]) -> dict[psutil.Process, str]:
        """The run's processes and their names."""
        names = {}
        for process in processes_of(self._run):
            with suppress(psutil.NoSuchProcess):
                names[process] = process_name(process, roles)
        return names

    @asynccontextmanager
    async def _events(self) -> AsyncIterator[EventFlow | None]:
        plan = self._plan
        if not plan.events_per_s:
            yield None
            return
        async with EventFlow(FlowPlan(plan.address, plan.dataset, plan.events_per_s, plan.batch, plan.seed)) as flow:
            yield flow

    async def _flowed(self, flow: EventFlow | None) -> Flowed | None:
        """What became of the events, if that can be told."""
        try:
            return await flow.stop() if flow else None
        except CascadeError as error:
            self._not_reported.append(f"events: {error}")
            return None

    async def _parts(self) -> tuple[list[Point], float]:
        """The parts of the load, and when the last one began (Unix seconds)."""
        plan = self._plan
        count = max(2, round(plan.minutes * 60 / PART_S))
        seconds = plan.minutes * 60 / count
        parts: list[Point] = []
        begin = time.time()
        async with Pool(self._address, CONNECTIONS) as pool:
            target = Target("feeds", pool, self._requests.draw, lambda bodies: read_feeds(bodies, plan.limit))
            schedule = Schedule(plan.rate, seconds, warmup=WARM_UP_S, timeout=TIMEOUT_S, seed=plan.seed)
            for number in range(count):
                part = replace(schedule, seed=plan.seed + number, warmup=0.0 if number else WARM_UP_S)
                begin = time.time()
                try:
                    parts.append(await Measurement(target, part, self._say).point(plan.rate))
                except CascadeError as error:
                    if not parts:
                        raise
                    self._not_reported.append(f"parts after {number} of {count}: {error}")
                    break
        return parts, begin
