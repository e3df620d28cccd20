"""`cascade bench search`: feeds while a search for a model runs on the same Ray, and without it before and after."""

from pathlib import Path
from typing import Annotated, Final

import msgspec
import uvloop
from cyclopts import Parameter
from rich.console import Console
from rich.table import Table

from benchmarks.answers import read_feeds
from benchmarks.http_client import Address, Pool
from benchmarks.load import Schedule
from benchmarks.machine import Machine, describe
from benchmarks.measurement import Measurement, Target
from benchmarks.point import Point
from benchmarks.report import verdict
from benchmarks.running import need_run
from benchmarks.running_search import search_on
from benchmarks.serve import TIMEOUT_SLOS, parse_rates
from benchmarks.telling import tell
from benchmarks.users import FeedRequests, read_user_ids
from cluster.errors import InvalidField
from cluster.processes.run_state import Run

#: Used where `--rates` is `auto`.
RATES: Final = (50.0, 100.0)


class Beside(msgspec.Struct, frozen=True):
    """One rate of feeds, without a search, while it runs, and without it again."""

    rate: float
    before: Point
    during: Point
    after: Point
    search_cores: float
    """CPU seconds per second that trials had meanwhile."""

    def kept(self, slo_ms: float) -> bool:
        """Whether the objective was met with the search if it was met without it, before and after."""
        alone = self.before.meets(slo_ms) and self.after.meets(slo_ms)
        return self.during.meets(slo_ms) or not alone


class Report(msgspec.Struct, frozen=True, kw_only=True):
    benchmark: str = "search"
    machine: Machine
    model: str
    release: str
    seconds: float
    slo_ms: float
    kept: bool
    """Whether every rate that meets the objective without the search meets it with the search."""
    rates: list[Beside]


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
    tell(report, None if as_json else _table(report), out)


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


def _table(report: Report) -> Table:
    table = Table(title=f"Feeds and a search for {report.model}: requests per second, milliseconds", box=None)
    for heading in ("offered", "", "p50", "p99", "max", "search, cores", "verdict"):
        table.add_column(heading, justify="right")
    for beside in report.rates:
        for name in ("before", "during", "after"):
            point: Point = getattr(beside, name)
            latency, cores = point.latency_ms, f"{beside.search_cores:.2f}" if name == "during" else ""
            times = (f"{ms:.1f}" for ms in (latency.p50, latency.p99, latency.max))
            table.add_row(f"{point.rate:g}", name, *times, cores, verdict(point, report.slo_ms))
    table.caption = "the objective is " + ("kept" if report.kept else "[red]not kept[/red] while a search runs")
    return table
