"""`cascade bench search`: feeds while a search for a model runs on the same Ray, and without it before and after."""

from pathlib import Path
from typing import Annotated, Final

import uvloop
from cyclopts import Parameter
from rich.console import Console

from benchmarks.answers import read_feeds
from benchmarks.documents.search import search_document
from benchmarks.http_client import Address, Pool
from benchmarks.load import Schedule
from benchmarks.machine import describe
from benchmarks.measurement import Measurement, Target
from benchmarks.point import Point
from benchmarks.running import need_run
from benchmarks.running_search import search_on
from benchmarks.search_report import Beside, Report, table
from benchmarks.serve import TIMEOUT_SLOS, parse_rates
from benchmarks.telling import Dated, tell
from benchmarks.users import FeedRequests, read_user_ids
from cluster.errors import InvalidField
from cluster.processes.run_state import Run

#: Used where `--rates` is `auto`.
RATES: Final = (50.0, 100.0)


def search(
    model: str = "two-tower",
    /,
    *,
    rates: str = "auto",
    seconds: float = 20.0,
    warmup: float = 3.0,
    seed: int = 0,
    slo_ms: float = 200.0,
    connections: int = 512,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
    out: Path | None = None,
    dated: Dated = False,
) -> None:
    """Feeds while `cascade tune` searches on the Ray of `cascade up`; the last line is one JSON document.

    Parameters
    ----------
    model
        What is searched for, as `cascade tune` has it.
    rates
        Requests per second, as 50,100; `auto` is these.
    seconds
        Length of each point.
    warmup
        Seconds of load before each point that do not count.
    seed
        Seed of arrivals and users.
    slo_ms
        The objective: p99 latency in milliseconds, with no error.
    connections
        Most connections to the server.
    as_json
        Print the JSON document only.
    out
        File that gets the document too.
    dated
        Write a dated report too, in `benchmarks/reports/`.
    """
    from training.tune.cli import CHOICES

    if model not in CHOICES:
        raise InvalidField("model", model, f"must be one of {', '.join(CHOICES)}")
    chosen, run = parse_rates(rates) or RATES, need_run()
    schedule = Schedule(chosen[0], seconds=seconds, warmup=warmup, timeout=TIMEOUT_SLOS * slo_ms / 1e3, seed=seed)
    found = uvloop.run(measure(run, model, chosen, schedule, connections, Console(stderr=True)))
    report = Report(
        machine=describe(),
        model=model,
        release=run.release,
        seconds=seconds,
        slo_ms=slo_ms,
        kept=all(beside.kept(slo_ms) for beside in found),
        rates=found,
    )
    tell(report, None if as_json else table(report), out, search_document(report) if dated else None)


async def measure(
    run: Run, model: str, rates: tuple[float, ...], schedule: Schedule, connections: int, progress: Console
) -> list[Beside]:
    """All rates without the search, with it, and without it again."""
    address = Address.parse(run.http_address)
    requests = FeedRequests(address, read_user_ids(Path(run.dataset)), 50)
    async with Pool(address, connections) as pool:
        target = Target("feeds", pool, requests.draw, lambda bodies: read_feeds(bodies, 50))
        feeds = Measurement(target, schedule, progress.print)
        before = [await feeds.point(rate) for rate in rates]
        during: list[tuple[Point, float]] = []
        async with search_on(run, model, progress.print) as searching:
            for rate in rates:
                used = searching.cpu_s()
                point = await feeds.point(rate)
                during.append((point, (searching.cpu_s() - used) / (schedule.warmup + schedule.seconds)))
        after = [await feeds.point(rate) for rate in rates]
    return [
        Beside(rate, first, point, last, round(cores, 3))
        for rate, first, (point, cores), last in zip(rates, before, during, after, strict=True)
    ]
