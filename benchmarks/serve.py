"""`cascade bench serve`: how much load a running feed server carries, how fast it answers, and what it costs."""

from pathlib import Path
from typing import Annotated, Final

import uvloop
from cyclopts import Parameter
from rich.console import Console

from benchmarks.beside_events import BesideEvents
from benchmarks.documents.serve import serve_document
from benchmarks.event_batches import check_batch
from benchmarks.event_flow import FlowPlan
from benchmarks.report import Plan, tables
from benchmarks.running import find_feeds
from benchmarks.serving_benchmark import ServingBenchmark
from benchmarks.sweep import HIGHEST
from benchmarks.telling import Dated, tell
from cluster.errors import CascadeError, InvalidField
from cluster.processes.run_state import Run
from cluster.settings import Settings, load_settings

#: A request is given up after this many times the objective.
TIMEOUT_SLOS: Final = 10


def serve(
    *,
    address: str | None = None,
    rates: str = "auto",
    seconds: float = 10.0,
    warmup: float = 3.0,
    seed: int = 0,
    slo_ms: float = 200.0,
    users: Path | None = None,
    limit: int = 50,
    connections: int = 512,
    events: float = 0.0,
    batch: int = 100,
    floor: bool = True,
    compute: bool = True,
    state: bool = True,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
    out: Path | None = None,
    dated: Dated = False,
) -> None:
    """Open-loop load on POST /v1/feed: goodput, latency, efficiency. The last line is one JSON document.

    Parameters
    ----------
    address
        Where the server listens; by default that of `cascade up`.
    rates
        Requests per second, as 50,100,200; `auto` searches for the highest that meets the objective.
    seconds
        Length of each point.
    warmup
        Seconds of load before each point that do not count.
    seed
        Seed of arrivals and users.
    slo_ms
        The objective: p99 latency in milliseconds, with no error.
    users
        Parquet file with a column user_id, or folder of a data set; by default the users of the server's release.
    limit
        Posts per feed.
    connections
        Most connections to the server.
    events
        Events per second that flow beside the feeds in every second point, so that both goodputs are of one run.
    batch
        Events per request.
    floor
        Measure a no-op application on the same Ray Serve beside it.
    compute
        Measure the CPU time of a feed without HTTP and Ray.
    state
        Measure reads of users' state alone.
    as_json
        Print the JSON document only.
    out
        File that gets the document too.
    dated
        Write a dated report too, in `benchmarks/reports/`.
    """
    requests, run = find_feeds(address, users, limit)
    url = requests.address.url
    plan = Plan(
        address=url,
        release=run.release if run else None,
        users=len(requests.users),
        rates=parse_rates(rates),
        seconds=seconds,
        warmup=warmup,
        timeout=TIMEOUT_SLOS * slo_ms / 1e3,
        seed=seed,
        slo_ms=slo_ms,
        connections=connections,
        limit=limit,
        events_per_s=events,
    )
    settings = load_settings()
    beside = _beside(run, FlowPlan(url, run.dataset if run else "", events, check_batch(batch), seed), settings)
    progress = Console(stderr=True)
    benchmark = ServingBenchmark(plan, requests, beside, progress.print)
    state_of = (run.store_url, settings.store) if run and state else None
    report = uvloop.run(benchmark.run(floor_of=run if floor else None, compute=compute, state_of=state_of))
    tell(report, None if as_json else tables(report), out, serve_document(report) if dated else None)


def _beside(run: Run | None, flow: FlowPlan, settings: Settings) -> BesideEvents | None:
    """What lets events flow beside the feeds; None when none are to."""
    if not 0 <= flow.events_per_s <= HIGHEST:
        raise InvalidField("events", flow.events_per_s, f"must be 0 to {HIGHEST:g} a second")
    if not flow.events_per_s:
        return None
    if run is None:
        raise CascadeError("which data set to make events of is not known", "start `cascade up`")
    return BesideEvents(flow, settings)


def parse_rates(text: str, field: str = "rates") -> tuple[float, ...]:
    """`auto` is an empty tuple. Raises InvalidField for `field` unless `text` is that or positive numbers."""
    if text == "auto":
        return ()
    try:
        rates = tuple(float(part) for part in text.split(","))
    except ValueError:
        rates = (0.0,)
    if not all(0 < rate <= HIGHEST for rate in rates):
        raise InvalidField(field, text, f"must be auto, or rates from 0 to {HIGHEST:g} such as 50,100,200")
    return rates
