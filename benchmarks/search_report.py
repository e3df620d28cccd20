"""The report of `cascade bench search`: one document for machines, a table for people."""

from typing import Final

import msgspec
from rich.table import Table

from benchmarks.machine import Machine
from benchmarks.point import Point
from benchmarks.report import verdict

#: When feeds are measured, by the search.
WHEN: Final = ("before", "during", "after")


class Beside(msgspec.Struct, frozen=True):
    """One rate of feeds, without a search, while it runs, and without it again."""

    rate: float
    before: Point
    during: Point
    after: Point
    search_cores: float
    """CPU seconds per second that trials had meanwhile."""

    @property
    def points(self) -> dict[str, Point]:
        """By WHEN they were."""
        return dict(zip(WHEN, (self.before, self.during, self.after), strict=True))

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


def table(report: Report) -> Table:
    """Each rate before, during and after the search."""
    result = Table(title=f"Feeds and a search for {report.model}: requests per second, milliseconds", box=None)
    for heading in ("offered", "", "p50", "p99", "max", "search, cores", "verdict"):
        result.add_column(heading, justify="right")
    for beside in report.rates:
        for name, point in beside.points.items():
            latency, cores = point.latency_ms, f"{beside.search_cores:.2f}" if name == "during" else ""
            times = (f"{ms:.1f}" for ms in (latency.p50, latency.p99, latency.max))
            result.add_row(f"{point.rate:g}", name, *times, cores, verdict(point, report.slo_ms))
    result.caption = "the objective is " + ("kept" if report.kept else "[red]not kept[/red] while a search runs")
    return result
