"""`cascade up`, `down` and `status`."""

import os
import sys
from contextlib import redirect_stdout
from typing import Annotated, TextIO

import msgspec
from cyclopts import Parameter
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cluster.errors import CascadeError
from cluster.processes.run_state import Run, read_run, remove_run
from cluster.processes.stopping import stop_run
from cluster.settings import load_settings
from cluster.store.consumers import ConsumerStatus
from cluster.store.release_board import ReplicaStatus

#: Consumers report once a second; after so many seconds without, something is wrong.
SILENT_S = 5.0

Json = Annotated[bool, Parameter(name="--json", negative="", help="Print one JSON document.")]


def up(*, json: Json = False) -> None:
    """Bring everything up and keep it up until Ctrl-C: data, models, release, store, Ray, feed server."""
    console = Console(stderr=True)
    console.print("loading ...")
    from deployments.bring_up import bring_up

    out = sys.stdout
    # Ray writes its notices to stdout whenever it likes, before and after the one document that may be expected there.
    with redirect_stdout(sys.stderr):
        bring_up(load_settings(), console, lambda run: _print_json(run, out) if json else _announce(run, out))


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

    found = report(run, settings)
    if json:
        _print_json(found)
        return
    table = Table(show_header=False, box=None)
    table.add_row("address", run.http_address)
    table.add_row("gRPC", run.grpc_address or "none")
    table.add_row("since", run.started_at)
    server = found.server
    table.add_row("release", server.release if server else "[red]the feed server does not answer[/red]")
    for deployment in found.deployments or []:
        states = ", ".join(f"{count} {state.lower()}" for state, count in deployment.replicas.items())
        table.add_row(deployment.deployment, f"{deployment.status.lower()}: {states}")
    if server:
        table.add_row("state store", _store(run.store_url, server.store.available))
        table.add_row("event store", _store(run.events_url, server.events.available))
        table.add_row("event log", f"{server.events.length} records, the last at {server.events.last}")
        table.add_row("catalogue", f"{server.catalogue.posts} posts, {server.catalogue.removed} removed")
        if server.events.refused:
            table.add_row("", f"[red]events are refused: {server.events.refused}[/red]")
        for replica in found.replicas or []:
            table.add_row(f"feed server {replica.id}", _replica(replica))
        for consumer in server.consumers or []:
            table.add_row(f"consumer {consumer.name}", _consumer(consumer))
    Console().print(table)


def _store(url: str, available: bool) -> str:
    return f"{url}, {'available' if available else '[red]not available[/red]'}"


def _replica(status: ReplicaStatus) -> str:
    """One line on a feed server: what it answers with, and how a trial goes."""
    line = status.release
    if status.trial:
        line += f"; {status.trial.mode} {status.trial.percent:g} %: {status.trial.release}"
    if shadow := status.shadow:
        line += (
            f", {shadow.agreement:.0%} of the first posts alike in {shadow.compared} feeds, {shadow.failed} failed; "
            f"p50 {shadow.trial_ms} ms beside {shadow.live_ms} ms"
        )
    if status.loading:
        line += f"; loads {status.loading}"
    if status.refused:
        line += f"; [red]refuses: {escape(status.refused)}[/red]"
    return line


def _consumer(status: ConsumerStatus) -> str:
    """One line on a consumer: where it is, and what keeps it."""
    lag = "unknown" if status.lag is None else f"{status.lag}"
    line = f"at {status.position}, {lag} behind, {status.entries_per_s:.0f}/s, {status.poisoned} set aside"
    if status.waiting:
        line += f"; [red]waits: {escape(status.waiting)}[/red]"
    if status.silent_s > SILENT_S:
        line += f"; [red]not heard of for {status.silent_s:.0f} s[/red]"
    return line


def _announce(run: Run, out: TextIO) -> None:
    address = run.http_address
    Console(file=out).print(
        f"""
[bold]Cascade serves feeds at {address}[/bold]  (release {run.release})

  curl -s {address}/v1/feed -H 'content-type: application/json' -d '{{"user_id": 1, "limit": 10}}'

  API docs   {address}/docs
  gRPC       {run.grpc_address or "none"}  (deployments/grpc/cascade.proto)
  status     cascade status
  stop       Ctrl-C, or cascade down
""",
        highlight=False,
        soft_wrap=True,
    )


def _print_json(value: object, out: TextIO | None = None) -> None:
    out = out or sys.stdout
    out.write(msgspec.json.encode(value).decode() + "\n")
    out.flush()
