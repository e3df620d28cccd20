"""The report of `cascade bench scale`: one document for machines, a table for people."""

from typing import Final

import msgspec
from rich.table import Table

from benchmarks.compare_report import ComparePlan, Figures
from benchmarks.machine import Machine
from benchmarks.scale_cases import Case


class Scaled(msgspec.Struct, frozen=True):
    """One case, served and measured."""

    case: Case
    recall: float
    """Of the 300 nearest posts, those that the index finds."""
    start_s: float
    figures: Figures
    memory_mb: float
    """Of all processes, stores and Ray's own among them; shared pages once."""


class Report(msgspec.Struct, frozen=True):
    benchmark: str
    machine: Machine
    plan: ComparePlan
    cases: list[Scaled]
    """The first one is what the others are compared with."""
    not_reported: list[str]

    def goodput_rps(self, scaled: Scaled) -> float:
        """The highest rate that met the bound."""
        return scaled.figures.goodput_rps(self.plan.p99_ms) or 0.0

    def times_the_first(self, scaled: Scaled) -> float | None:
        """Its goodput by that of the first case; None where that has none."""
        first = self.goodput_rps(self.cases[0])
        return self.goodput_rps(scaled) / first if first else None


COLUMNS: Final = (
    "posts",
    "candidates",
    "replicas",
    "p50 alone",
    "CPU ms/feed",
    "goodput",
    "of the first",
    "memory MB",
    "recall",
)


def rows(report: Report) -> list[list[str]]:
    """A row of COLUMNS for each case."""
    told = []
    for scaled in report.cases:
        case, share = scaled.case, report.times_the_first(scaled)
        told.append(
            [
                f"{case.posts:,}",
                f"{case.candidates:g}x",
                str(case.replicas),
                f"{scaled.figures.unloaded.point.latency_ms.p50:.1f}",
                f"{scaled.figures.common.cpu_ms_per_feed:.2f}",
                f"{report.goodput_rps(scaled):g}",
                "" if share is None else f"{share:.2f}",
                f"{scaled.memory_mb:,.0f}",
                f"{scaled.recall:.3f}",
            ]
        )
    return told


def table(report: Report) -> Table:
    """Cost by posts, candidates and replicas."""
    title = f"Feeds with p99 <= {report.plan.p99_ms:g} ms, CPU at {report.plan.rate:g} feeds/s"
    result = Table(title=title, box=None, padding=(0, 1), pad_edge=False)
    for heading in COLUMNS:
        result.add_column(heading, justify="right")
    for row in rows(report):
        result.add_row(*row)
    return result
