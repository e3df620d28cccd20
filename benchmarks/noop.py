"""The no-op application beside a running feed server, for as long as it is measured.

`python -m benchmarks.noop RAY_ADDRESS` deploys it, writes a line when it answers, and deletes it when stdin ends. It is
a process of its own because a Ray driver has threads, which would disturb the load generator.
"""

import os
import select
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from cluster.errors import CascadeError
from cluster.processes.run_state import Run
from cluster.ray_environment import set_ray_environment

PREFIX: Final = "/noop"
NAME: Final = "noop"
#: Seconds that deploying may take, and deleting.
PATIENCE: Final = 60.0


@contextmanager
def noop_application(run: Run) -> Iterator[None]:
    """Have the no-op answer under PREFIX of the address of `run`. Raises CascadeError when it cannot be deployed."""
    with tempfile.TemporaryFile() as messages:
        driver = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.noop", run.ray_address],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=messages,
            env=os.environ | run.ray_environment,
        )
        assert driver.stdin is not None
        assert driver.stdout is not None
        try:
            ready, _, _ = select.select([driver.stdout], [], [], PATIENCE)
            if not ready or not driver.stdout.readline():
                driver.kill()
                messages.seek(0)
                raise CascadeError(
                    "the no-op could not be deployed:\n" + messages.read().decode(errors="replace")[-2000:],
                    "see `cascade status`, or pass --no-floor",
                )
            yield
        finally:
            driver.stdin.close()
            driver.stdout.close()
            driver.wait(PATIENCE)


def main() -> None:
    """The deploying process."""
    set_ray_environment()
    import ray
    from ray import serve

    from deployments.noop import run_noop

    ray.init(address=sys.argv[1], log_to_driver=False, logging_level="warning")
    run_noop(PREFIX)
    try:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        sys.stdin.read()
    finally:
        serve.delete(NAME)
        ray.shutdown()


if __name__ == "__main__":
    main()
