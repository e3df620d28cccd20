"""Open-loop load: every request is sent at the time fixed for it, whatever became of the ones before.

Latency counts from the intended time, not from the sending: a server that stalls is charged with every request that
was due in the stall (no coordinated omission; G. Tene, "How NOT to measure latency", 2013).
"""

import asyncio
import gc
import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from benchmarks.alarm import Alarm
from benchmarks.arrivals import poisson
from benchmarks.http_client import PENDING, Call

#: Gives the bytes of n requests, drawn with a random generator.
Draw = Callable[[int, np.random.Generator], Sequence[bytes]]


class Taker(Protocol):
    """What takes calls: a pool of connections, or what does the work itself."""

    def submit(self, call: Call) -> None:
        """Begin `call`; its state tells how it ended."""

    def expire(self, call: Call) -> None:
        """Give `call` up."""


#: Seconds between two looks for calls that are over their time.
WATCH: Final = 0.05
#: Seconds between the start of a run and its first possible arrival.
LEAD: Final = 0.05


@dataclass(frozen=True, slots=True)
class Schedule:
    """A point of load: `rate` requests/s for `warmup` seconds that do not count, then for `seconds` that do."""

    rate: float
    seconds: float = 10.0
    warmup: float = 3.0
    #: Seconds from its intended time after which a request is given up.
    timeout: float = 2.0
    seed: int = 0

    def arrivals(self) -> NDArray[np.float64]:
        """Intended times from the start of the run, in seconds, ascending."""
        rng = self.rng("arrivals")
        counted = poisson(self.rate, self.warmup, self.warmup + self.seconds, rng)
        return np.concatenate([poisson(self.rate, 0.0, self.warmup, rng), counted])

    def rng(self, purpose: str) -> np.random.Generator:
        """A generator of its own for each purpose, rate and seed."""
        return np.random.default_rng([self.seed, round(self.rate * 1000), *purpose.encode()])


@dataclass(frozen=True, slots=True)
class Trace:
    """What became of each request. Arrays have one entry a request; times are seconds from the start of the run."""

    schedule: Schedule
    intended: NDArray[np.float64]
    sent: NDArray[np.float64]
    """NaN where the request never left."""
    done: NDArray[np.float64]
    status: NDArray[np.int16]
    """HTTP status, or TIMEOUT or BROKEN."""
    queued: NDArray[np.bool_]
    """True where all connections were busy."""
    bodies: Sequence[bytes]
    client_cpu: float
    """CPU seconds that this process spent during the run."""
    client_realtime: bool
    """Whether the generator went before the servers when it had something to do."""

    @property
    def counted(self) -> NDArray[np.bool_]:
        """The requests that were due after the warm-up."""
        return self.intended >= self.schedule.warmup

    @property
    def lag(self) -> NDArray[np.float64]:
        """Sent minus intended, of the counted requests: the generator's own doing.

        Without those that waited for a connection.
        """
        prompt = self.counted & ~self.queued & ~np.isnan(self.sent)
        return (self.sent - self.intended)[prompt]


async def open_loop(taker: Taker, draw: Draw, schedule: Schedule) -> Trace:
    """Drive `schedule` over `taker` with the requests that `draw` gives; returns when each has ended."""
    arrivals = schedule.arrivals()
    payloads = draw(len(arrivals), schedule.rng("payloads"))
    with _uncollected(), _going_first() as realtime:
        cpu = time.process_time()
        start = time.monotonic() + LEAD
        calls = [Call(payload, start + at) for payload, at in zip(payloads, arrivals.tolist(), strict=True)]
        await _drive(taker, calls, schedule.timeout)
        cpu = time.process_time() - cpu
    return Trace(
        schedule=schedule,
        intended=arrivals,
        sent=np.array([call.sent for call in calls]) - start,
        done=np.array([call.done for call in calls]) - start,
        status=np.array([call.status for call in calls], np.int16),
        queued=np.array([call.queued for call in calls], np.bool_),
        bodies=[call.body for call in calls],
        client_cpu=cpu,
        client_realtime=realtime,
    )


async def _drive(taker: Taker, calls: Sequence[Call], timeout: float) -> None:
    """Submit each call when it is due; expire the late; return when all have ended."""
    due = deque(calls)
    flying: deque[Call] = deque()

    def send_due() -> None:
        while due and due[0].intended <= time.monotonic():
            call = due.popleft()
            taker.submit(call)
            flying.append(call)
        if due:
            alarm.set(due[0].intended)

    alarm = Alarm(asyncio.get_running_loop(), send_due)
    try:
        send_due()
        while due or flying:
            await asyncio.sleep(WATCH)
            # Calls are in the order of their intended times, so the first one is the first to run out of time.
            while flying and (flying[0].status != PENDING or _late(flying[0], timeout)):
                call = flying.popleft()
                if call.status == PENDING:
                    taker.expire(call)
    finally:
        alarm.close()


def _late(call: Call, timeout: float) -> bool:
    return time.monotonic() - call.intended > timeout


@contextmanager
def _uncollected() -> Iterator[None]:
    """Keep the garbage collector from pausing the generator."""
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()


@contextmanager
def _going_first() -> Iterator[bool]:
    """Where the system allows it, have the CPU as soon as a request is due; tells whether it does.

    The generator needs little of the CPU, but at once: late sending would bunch requests that were due apart.
    """
    if not hasattr(os, "sched_setscheduler"):  # not Linux
        yield False
        return
    before = os.sched_getscheduler(0), os.sched_getparam(0)
    with suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    try:
        yield os.sched_getscheduler(0) == os.SCHED_FIFO
    finally:
        os.sched_setscheduler(0, *before)


async def settle(taker: Taker, payload: bytes, quick: float, patience: float) -> bool:
    """Wait until the server has worked off what a former run left: ask one at a time until one takes < `quick` s.

    Returns False when it does not within `patience` seconds.
    """
    end = time.monotonic() + patience
    while time.monotonic() < end:
        call = Call(payload, time.monotonic())
        await _drive(taker, [call], timeout=patience)
        if call.status == 200 and call.done - call.intended < quick:
            return True
        await asyncio.sleep(0.1)
    return False
