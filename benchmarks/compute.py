"""What a feed costs in arithmetic: the pipeline called directly, without HTTP, Ray or a second thread.

`python -m benchmarks.compute` reads request bodies from stdin, one a line, and writes a Compute as JSON. It stands on
what `cascade up` runs, or on the ground that is given to contenders.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec
import numpy as np

from cluster.errors import CascadeError

#: Bodies that are answered before the measurement.
WARM_UP: Final = 50
#: Libraries that would otherwise start a thread a core.
ONE_THREAD: Final = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "ARROW_NUM_THREADS"), "1"
)


class Compute(msgspec.Struct, frozen=True):
    """Milliseconds per request. CPU is of all threads of the process."""

    requests: int
    cpu_ms: float
    """Median."""
    cpu_ms_mean: float
    cpu_ms_p99: float
    wall_ms: float
    """Median."""


def time_requests(answer: Callable[[bytes], object], bodies: Sequence[bytes]) -> Compute:
    """Time `answer` on each of `bodies` but the first WARM_UP, of which there must be more."""
    for body in bodies[:WARM_UP]:
        answer(body)
    cpu, wall = [], []
    for body in bodies[WARM_UP:]:
        wall_start, cpu_start = time.perf_counter(), time.process_time()
        answer(body)
        cpu.append(time.process_time() - cpu_start)
        wall.append(time.perf_counter() - wall_start)
    cpu_ms, wall_ms = np.array(cpu) * 1e3, np.array(wall) * 1e3
    return Compute(
        requests=len(cpu),
        cpu_ms=round(float(np.median(cpu_ms)), 4),
        cpu_ms_mean=round(float(cpu_ms.mean()), 4),
        cpu_ms_p99=round(float(np.percentile(cpu_ms, 99)), 4),
        wall_ms=round(float(np.median(wall_ms)), 4),
    )


def measure_compute(bodies: Sequence[bytes], environment: Mapping[str, str] = os.environ) -> Compute:
    """Time `bodies` in a fresh process with one thread. Raises CascadeError when that process fails."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.compute"],
        input=b"\n".join(bodies),
        capture_output=True,
        env={**environment, **ONE_THREAD},
        check=False,
    )
    if done.returncode:
        raise CascadeError(
            "the pipeline could not be run by itself:\n" + done.stderr.decode(errors="replace")[-2000:],
            "run it in the folder of the server, or pass --no-compute",
        )
    return msgspec.json.decode(done.stdout.splitlines()[-1], type=Compute)


def main() -> None:
    """The measuring process."""
    from benchmarks.contenders.ground import Ground
    from cluster.settings import load_settings
    from deployments.inprocess import InProcess

    settings, ground = load_settings(), Ground.given_if_any()
    service = InProcess.on(settings, ground.clock, ground.urls) if ground else InProcess.open(settings)
    compute = time_requests(service.feed, sys.stdin.buffer.read().splitlines())
    service.close()
    sys.stdout.write(msgspec.json.encode(compute).decode() + "\n")


if __name__ == "__main__":
    main()
