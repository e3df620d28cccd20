"""`cascade bench events`: how many events a running Cascade takes and applies, and how soon they are in effect."""

from pathlib import Path
from typing import Annotated, Final

import uvloop
from cyclopts import Parameter
from rich.console import Console

from benchmarks.documents.events import events_document
from benchmarks.event_batches import check_batch
from benchmarks.events_benchmark import EventsBenchmark
from benchmarks.events_report import EventsPlan, table
from benchmarks.running import need_run
from benchmarks.serve import parse_rates
from benchmarks.telling import Dated, tell
from cluster.settings import load_settings

#: A request is given up after this many times the objective.
TIMEOUT_SLOS: Final = 5


def events(
    *,
    rates: str = "auto",
    batch: int = 100,
    seconds: float = 10.0,
    warmup: float = 3.0,
    seed: int = 0,
    slo_ms: float = 1000.0,
    connections: int = 128,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
    out: Path | None = None,
    dated: Dated = False,
) -> None:
    """Open-loop load on POST /v1/events of the Cascade that runs here. The last line is one JSON document.

    Events are made of the impressions of its data set, and stay in its log and its users' state.

    Parameters
    ----------
    rates
        Events per second, as 500,1000; `auto` searches for the highest that is acknowledged and applied.
    batch
        Events per request.
    seconds
        Length of each point.
    warmup
        Seconds of load before each point that do not count.
    seed
        Seed of arrivals and of the events' people and posts.
    slo_ms
        The objective: p99 of the acknowledgement in milliseconds, with no event refused.
    connections
        Most connections to the server.
    as_json
        Print the JSON document only.
    out
        File that gets the document too.
    dated
        Write a dated report too, in `benchmarks/reports/`.
    """
    run = need_run()
    plan = EventsPlan(
        address=run.http_address,
        release=run.release,
        dataset=run.dataset,
        batch=check_batch(batch),
        rates=parse_rates(rates),
        seconds=seconds,
        warmup=warmup,
        timeout=TIMEOUT_SLOS * slo_ms / 1e3,
        seed=seed,
        slo_ms=slo_ms,
        connections=connections,
    )
    benchmark = EventsBenchmark(plan, run, load_settings(), Console(stderr=True).print)
    report = uvloop.run(benchmark.run())
    tell(report, None if as_json else table(report), out, events_document(report) if dated else None)
