"""The Cascade that is measured."""

from benchmarks.http_client import Address
from cluster.errors import CascadeError
from cluster.processes.run_state import Run, read_run
from cluster.settings import load_settings


def find_run(address: str | None) -> Run | None:
    """What `cascade up` runs, if it is that which listens at `address`; None says nothing against any."""
    run = read_run(load_settings().run_file)
    if run is None or not run.alive:
        return None
    return run if address is None or Address.parse(address) == Address.parse(run.http_address) else None


def need_run() -> Run:
    """What `cascade up` runs. Raises CascadeError when nothing is up."""
    run = find_run(None)
    if run is None:
        raise CascadeError("Cascade is not up", "start it with `cascade up`")
    return run
