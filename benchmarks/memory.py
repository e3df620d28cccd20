"""Memory of a run's processes over time, and how it grows."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import numpy as np
import psutil
from numpy.typing import NDArray
from scipy.stats import linregress

from cluster.ending import end
from cluster.processes.run_state import Run
from cluster.processes.stopping import users_of

MB: Final = 1e6
HOUR_S: Final = 3600.0
#: Begins the names of what Ray runs for itself.
RAYS_OWN: Final = "Ray: "
#: A line through fewer points has no standard error worth the name.
FEWEST: Final = 3


@dataclass(frozen=True, slots=True)
class Growth:
    """Memory in MB (10^6 bytes). NaN where the system does not tell, or too few samples were taken."""

    begin_mb: float
    end_mb: float
    mb_per_hour: float
    """Slope of least squares over the second half, when caches are warm."""
    standard_error: float
    """Of the slope, as if samples were independent; they are not quite, so it is a lower bound."""


@dataclass(frozen=True, slots=True)
class ProcessMemory:
    name: str
    pid: int
    samples: int
    rss: Growth
    pss: Growth
    """Shared pages count by their share."""


def growth(seconds: NDArray[np.float64], mb: NDArray[np.float64]) -> Growth:
    """How memory grew; one entry a sample in both, times ascending. Raises ValueError without samples."""
    if not len(mb):
        raise ValueError("no samples")
    half = seconds >= (seconds[0] + seconds[-1]) / 2
    slope = error = float("nan")
    if half.sum() >= FEWEST and np.ptp(mb[half]) == 0:
        slope = error = 0.0  # for which the fit has no standard error
    elif half.sum() >= FEWEST and not np.isnan(mb).any():
        fit = linregress(seconds[half] / HOUR_S, mb[half])
        slope, error = float(fit.slope), float(fit.stderr)
    return Growth(*np.round([mb[0], mb[-1], slope, error], 3).tolist())


def total(growths: Sequence[Growth]) -> Growth:
    """The sum of growths, as if they were independent."""
    begin, end, slope, error = np.array([(g.begin_mb, g.end_mb, g.mb_per_hour, g.standard_error) for g in growths]).T
    sums = begin.sum(), end.sum(), slope.sum(), np.sqrt((error**2).sum())
    return Growth(*np.round(sums, 3).tolist())


def processes_of(run: Run) -> list[psutil.Process]:
    """What runs for `run` on this machine: `cascade up`, both stores, Ray and all that it started."""
    known = [process.find() for process in (run.up, run.store, run.events) if process is not None]
    found = [process for process in known if process is not None]
    found += users_of(run.ray_folder) if run.ray_folder else []
    return sorted({process.pid: process for process in found}.values(), key=lambda process: process.pid)


def process_name(process: psutil.Process, roles: Mapping[int, str]) -> str:
    """A name for people; `roles` has those of known processes, by id. Raises psutil.NoSuchProcess."""
    if process.pid in roles:
        return roles[process.pid]
    command = process.cmdline() or [process.name()]
    if command[0].startswith("ray::"):  # ray::CLASS.METHOD, or for a deployment ray::ServeReplica:APPLICATION:NAME
        title = command[0].removeprefix("ray::").split(".")[0].split()[0]
        return title.rsplit(":", 1)[1] if ":" in title else RAYS_OWN + title
    scripts = [Path(part).name for part in command[1:] if part.endswith(".py")]
    return RAYS_OWN + (scripts[0] if scripts else Path(command[0].split()[0]).name)


class MemoryWatch:
    """Samples `processes` every `every` seconds for the time of an `async with`.

    It samples in a thread that is there before a load generator takes precedence, which a later thread would inherit.
    """

    def __init__(self, processes: Iterable[tuple[str, psutil.Process]], every: float) -> None:
        self._processes = list(processes)
        self._every = every
        self._thread = ThreadPoolExecutor(1)
        self._samples: dict[int, list[tuple[float, float, float]]] = defaultdict(list)

    async def __aenter__(self) -> Self:
        await self._sample()
        self._task = asyncio.create_task(self._follow())
        return self

    async def __aexit__(self, *_: object) -> None:
        await end(self._task)
        await self._sample()
        self._thread.shutdown()

    def grown(self) -> Sequence[ProcessMemory]:
        """How each process grew until now, or until it ended."""
        result = []
        for name, process in self._processes:
            if samples := self._samples[process.pid]:
                seconds, rss, pss = np.array(samples).T
                result.append(
                    ProcessMemory(name, process.pid, len(samples), growth(seconds, rss), growth(seconds, pss))
                )
        return result

    async def _follow(self) -> None:
        due = time.monotonic()
        while True:
            due += self._every
            await asyncio.sleep(due - time.monotonic())
            await self._sample()

    async def _sample(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, self._look)

    def _look(self) -> None:
        for _, process in self._processes:
            with suppress(psutil.Error):
                memory = process.memory_full_info()
                pss = getattr(memory, "pss", float("nan"))  # Linux tells
                self._samples[process.pid].append((time.monotonic(), memory.rss / MB, pss / MB))
