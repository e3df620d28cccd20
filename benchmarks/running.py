"""The Cascade that is measured."""

from pathlib import Path

from benchmarks.http_client import Address
from benchmarks.users import FeedRequests, read_user_ids
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


def find_feeds(address: str | None, users: Path | None, limit: int) -> tuple[FeedRequests, Run | None]:
    """Requests for feeds of `limit` posts to the server at `address`, and its run where `cascade up` started it.

    `users` is as in `read_user_ids`. By default the server is that of `cascade up`, the users are those of its
    release. Raises CascadeError when users can be had from neither.
    """
    run = find_run(address)
    at = Address.parse(address or (run.http_address if run else "http://127.0.0.1:8000"))
    if users is None and run is None:
        raise CascadeError(f"whose feeds to ask {at.url} for is not known", "give --users, or start `cascade up`")
    return FeedRequests(at, read_user_ids(users or Path(run.dataset if run else "")), limit), run
