"""`cascade up`, `down` and `status`."""

import os
import sys
from typing import Annotated

import msgspec
from cyclopts import Parameter
from rich.console import Console
from rich.table import Table

from cluster.errors import CascadeError
from cluster.processes.run_state import Run, read_run, remove_run
from cluster.processes.stopping import stop_run
from cluster.settings import load_settings

Json = Annotated[bool, Parameter(name="--json", negative="", help="Print one JSON document.")]


def up(*, json: Json = False) -> None:
    """Bring everything up and keep it up until Ctrl-C: data, models, release, store, Ray, feed server."""
    console = Console(stderr=True)
    console.print("loading ...")
    from deployments.bring_up import bring_up

    bring_up(load_settings(), console, _print_json if json else _announce)


def down(*, json: Json = False) -> None:
    """Stop what `cascade up` started, whatever state it is in."""
    settings = load_settings()
    run = read_run(settings.run_file)
    left = stop_run(run) if run else 0
    remove_run(settings.run_file)
    if json:
        _print_json({"was_up": run is not None, "stopped_singly": left})
    else:
        Console().print(f"stopped {run.http_address}" if run else "nothing is up")


def status(*, json: Json = False) -> None:
    """Tell what runs: release, replicas, store, log positions."""
    settings = load_settings()
    run = read_run(settings.run_file)
    if run is None or not run.alive:
        raise CascadeError("Cascade is not up", "start it with `cascade up`")
    os.environ.update(run.ray_environment)
    from deployments.status import report

    found = report(run)
    if json:
        _print_json(found)
        return
    table = Table(show_header=False, box=None)
    table.add_row("address", run.http_address)
    table.add_row("since", run.started_at)
    server = found.server
    table.add_row("release", server.release if server else "[red]the feed server does not answer[/red]")
    for deployment in found.deployments or []:
        states = ", ".join(f"{count} {state.lower()}" for state, count in deployment.replicas.items())
        table.add_row(deployment.deployment, f"{deployment.status.lower()}: {states}")
    if server:
        store = server.store
        table.add_row("store", f"{run.store_url}, {'available' if store.available else '[red]not available[/red]'}")
        table.add_row("event log", f"{store.events} events, the last at {store.last_event}")
    Console().print(table)


def _announce(run: Run) -> None:
    address = run.http_address
    Console().print(
        f"""
[bold]Cascade serves feeds at {address}[/bold]  (release {run.release})

  curl -s {address}/v1/feed -H 'content-type: application/json' -d '{{"user_id": 1, "limit": 10}}'

  API docs   {address}/docs
  status     cascade status
  stop       Ctrl-C, or cascade down
""",
        highlight=False,
        soft_wrap=True,
    )


def _print_json(value: object) -> None:
    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")
    sys.stdout.flush()
