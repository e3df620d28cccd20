"""Events that flow beside another load, at a steady rate, from a process of their own.

`python -m benchmarks.event_flow` reads a FlowPlan as a line from stdin, writes a line when it begins, goes on until
stdin ends, and writes a Flowed. Being another process, it takes no time from the load generator.
"""

import asyncio
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

import msgspec
import numpy as np
import uvloop

from benchmarks.answers import Answers
from benchmarks.event_batches import DataSetPosts, EventBatches
from benchmarks.histogram import Percentiles, percentiles
from benchmarks.http_client import PENDING, Address, Call, Pool
from benchmarks.load import Draw
from benchmarks.point import count_errors
from cluster.errors import CascadeError
from training.data.dataset import DataSet

#: Seconds after which a batch is given up.
TIMEOUT_S: Final = 5.0
CONNECTIONS: Final = 32
#: Seconds that the process may take to begin, and to end.
START_S: Final = 60.0
STOP_S: Final = 30.0


class FlowPlan(msgspec.Struct, frozen=True):
    address: str
    dataset: str  # folder
    events_per_s: float
    batch: int
    seed: int


class Flowed(msgspec.Struct, frozen=True):
    """What became of the events."""

    seconds: float
    offered: float
    """Events/s that were to flow."""
    acknowledged: float
    """Events/s."""
    latency_ms: Percentiles | None
    """Of acknowledged batches, from the time at which they were due; None when there are none."""
    errors: dict[str, int]
    """Batches, by HTTP status, `timeout` or `broken`."""

    @property
    def steady(self) -> bool:
        """Whether none was refused or lost. How many there were in the time is also the luck of the draw."""
        return not self.errors


class EventFlow:
    """A flow for the time of an `async with`."""

    def __init__(self, plan: FlowPlan) -> None:
        self._plan = plan

    async def __aenter__(self) -> Self:
        """Returns when events flow. Raises CascadeError when they cannot."""
        command = [sys.executable, "-m", "benchmarks.event_flow"]
        self._process: Process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, stderr=PIPE)
        assert self._process.stdin is not None
        self._process.stdin.write(msgspec.json.encode(self._plan) + b"\n")
        try:
            await self._line(START_S)
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def stop(self) -> Flowed:
        """End the flow; what became of it. Raises CascadeError when the process has failed."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        return msgspec.json.decode(await self._line(STOP_S), type=Flowed)

    async def __aexit__(self, *_: object) -> None:
        with suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()

    async def _line(self, seconds: float) -> bytes:
        """The next line of the process."""
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        line = b""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                line = await self._process.stdout.readline()
        if not line:
            with suppress(ProcessLookupError):
                self._process.kill()
            messages = (await self._process.stderr.read()).decode(errors="replace")
            raise CascadeError("no events flow beside the load:\n" + messages[-2000:], "see `cascade status`")
        return line


class Tally:
    """Calls in flight, and what became of the others."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._flying: deque[Call] = deque()
        self._status: list[int] = []
        self._latency: list[float] = []

    def submit(self, call: Call) -> None:
        self._pool.submit(call)
        self._flying.append(call)
        self.reap()

    def reap(self) -> None:
        """Count the first calls in flight that have ended or are over their time."""
        while self._flying:
            call = self._flying[0]
            if call.status == PENDING:
                if time.monotonic() - call.intended < TIMEOUT_S:
                    return
                self._pool.expire(call)
            self._flying.popleft()
            self._status.append(call.status)
            if call.status == 200:
                self._latency.append(call.done - call.intended)

    async def last(self) -> None:
        """Wait for all that are in flight."""
        while self._flying:
            await asyncio.sleep(0.01)
            self.reap()

    def flowed(self, plan: FlowPlan, seconds: float) -> Flowed:
        return Flowed(
            seconds=round(seconds, 3),
            offered=plan.events_per_s,
            acknowledged=round(len(self._latency) * plan.batch / seconds, 1),
            latency_ms=percentiles(np.array(self._latency, np.float64)) if self._latency else None,
            errors=count_errors(np.array(self._status, np.int16), Answers()),
        )


async def flow(plan: FlowPlan, draw: Draw, stopped: asyncio.Event) -> Flowed:
    """Send batches of a Poisson process until `stopped`, each when it is due, whatever became of those before."""
    rng = np.random.default_rng(plan.seed)
    async with Pool(Address.parse(plan.address), CONNECTIONS) as pool:
        tally, begin = Tally(pool), time.monotonic()
        due = begin
        while not stopped.is_set():
            due += rng.exponential(plan.batch / plan.events_per_s)
            with suppress(TimeoutError):
                async with asyncio.timeout(due - time.monotonic()):  # at once when it has passed
                    await stopped.wait()
                    break
            tally.submit(Call(draw(1, rng)[0], due))
        seconds = time.monotonic() - begin
        await tally.last()
    return tally.flowed(plan, seconds)


async def main() -> None:
    """The process."""
    plan = msgspec.json.decode(sys.stdin.buffer.readline(), type=FlowPlan)
    dataset = DataSet.open(Path(plan.dataset))
    batches = EventBatches(Address.parse(plan.address), dataset, DataSetPosts(dataset), plan.batch)
    stopped, loop = asyncio.Event(), asyncio.get_running_loop()

    def stop() -> None:
        loop.remove_reader(sys.stdin.fileno())
        stopped.set()

    loop.add_reader(sys.stdin.fileno(), stop)
    sys.stdout.write("flowing\n")
    sys.stdout.flush()
    told = await flow(plan, batches.draw, stopped)
    sys.stdout.write(msgspec.json.encode(told).decode() + "\n")


if __name__ == "__main__":
    uvloop.run(main())
