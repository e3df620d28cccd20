"""A search that runs on the Ray of `cascade up` while something else is measured."""

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import psutil

from benchmarks.process_tree import cpu_seconds
from cluster.ending import end
from cluster.errors import CascadeError
from cluster.processes.run_state import Run
from cluster.processes.stopping import interrupt

#: More trials than there is time for.
_TRIALS: Final = 10_000
#: Seconds in which a search must have begun with its first trial.
_START_S: Final = 900.0
#: Seconds in which it must end once it is told to.
_END_S: Final = 60.0
#: CPU seconds that trials have used when they are at work.
_AT_WORK_S: Final = 2.0
#: How often trials are looked at until one is at work, and from then on: a look holds up whoever measures by 5 ms.
_FIRST_LOOKS_S: Final = 0.5
_LOOK_S: Final = 5.0
#: How the names of Ray Tune's processes begin.
_NAME: Final = "ray::ImplicitFu"


class RunningSearch:
    """The trials of a search on this machine."""

    def __init__(self, before: frozenset[psutil.Process]) -> None:
        """`before`: processes that belong to other searches."""
        self._before = before
        self._used: dict[psutil.Process, float] = {}

    def cpu_s(self) -> float:
        """CPU seconds that its trials have used so far; of those that have ended, until they were last looked at."""
        for trial in _trials() - self._before:
            self._used[trial] = max(cpu_seconds([trial]), self._used.get(trial, 0.0))
        return sum(self._used.values())

    async def watch(self) -> None:
        """Look at the trials until cancelled, so that little is missed of those that end."""
        while True:
            await asyncio.sleep(_LOOK_S)
            self.cpu_s()


@asynccontextmanager
async def search_on(run: Run, model: str, say: Callable[[str], None]) -> AsyncIterator[RunningSearch]:
    """Search for `model` on the Ray and the data set of `run`, from the first trial on; stops it at the end.

    It keeps its files in a folder of its own. Raises CascadeError when it does not come to a trial.
    """
    search = RunningSearch(_trials())
    with tempfile.TemporaryDirectory() as home, (Path(home) / "search.log").open("w+") as log:
        command = [str(Path(sys.executable).with_name("cascade")), "tune", model, "--trials", str(_TRIALS), "--json"]
        process = subprocess.Popen(
            [*command, "--data", run.dataset],
            stdout=log,
            stderr=log,
            env=os.environ | run.ray_environment | {"RAY_ADDRESS": run.ray_address, "CASCADE_HOME": home},
        )
        running = psutil.Process(process.pid)
        try:
            say(f"search for {model}: until its first trial ...")
            await _at_work(search, process, Path(log.name))
            watching = asyncio.create_task(search.watch())
            try:
                yield search
            finally:
                await end(watching)
        finally:
            await asyncio.to_thread(interrupt, running, _END_S)
            process.wait()


async def _at_work(search: RunningSearch, process: subprocess.Popen[bytes], log: Path) -> None:
    begin = time.monotonic()
    while search.cpu_s() < _AT_WORK_S:
        if process.poll() is not None or time.monotonic() - begin > _START_S:
            raise CascadeError("the search came to no trial:\n" + log.read_text()[-2000:], "try `cascade tune` alone")
        await asyncio.sleep(_FIRST_LOOKS_S)


def _trials() -> frozenset[psutil.Process]:
    """Ray Tune's processes."""
    return frozenset(p for p in psutil.process_iter(["name"]) if (p.info["name"] or "").startswith(_NAME))
