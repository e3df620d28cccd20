"""`cascade bench soak`: feeds and events for a long time; whether memory, errors or latency grow."""

from pathlib import Path
from typing import Annotated, Final

import uvloop
from cyclopts import Parameter
from rich.console import Console

from benchmarks.documents.soak import soak_document
from benchmarks.event_batches import check_batch
from benchmarks.http_client import Address
from benchmarks.running import need_run
from benchmarks.soak_benchmark import SoakBenchmark
from benchmarks.soak_report import SoakPlan, tables
from benchmarks.sweep import HIGHEST
from benchmarks.telling import Dated, tell
from benchmarks.users import FeedRequests, read_user_ids
from cluster.errors import InvalidField
from cluster.settings import load_settings

LIMIT: Final = 50


def soak(
    *,
    minutes: float = 10.0,
    rate: float = 50.0,
    events: float = 500.0,
    batch: int = 100,
    every: float = 5.0,
    seed: int = 0,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
    out: Path | None = None,
    dated: Dated = False,
) -> None:
    """Load the Cascade that runs here with feeds and events, and sample the memory of all its processes.

    The last line is one JSON document: growth of each process, errors, latency at the beginning and at the end,
    lengths of the streams.

    Parameters
    ----------
    minutes
        How long.
    rate
        Feeds per second.
    events
        Events per second; 0 for none.
    batch
        Events per request.
    every
        Seconds between samples.
    seed
        Seed of arrivals, users and events.
    as_json
        Print the JSON document only.
    out
        File that gets the document too.
    dated
        Write a dated report too, in `benchmarks/reports/`.
    """
    for name, value, least in (
        ("minutes", minutes, 0.1),
        ("rate", rate, 1),
        ("events", events, 0),
        ("every", every, 0.1),
    ):
        if not least <= value <= HIGHEST:
            raise InvalidField(name, value, f"must be {least:g} to {HIGHEST:g}")
    run = need_run()
    plan = SoakPlan(
        address=run.http_address,
        release=run.release,
        dataset=run.dataset,
        minutes=minutes,
        rate=rate,
        events_per_s=events,
        batch=check_batch(batch),
        every=every,
        seed=seed,
        limit=LIMIT,
    )
    requests = FeedRequests(Address.parse(plan.address), read_user_ids(Path(run.dataset)), LIMIT)
    report = uvloop.run(SoakBenchmark(plan, run, requests, load_settings(), Console(stderr=True).print).run())
    tell(report, None if as_json else tables(report), out, soak_document(report) if dated else None)
