"""The report of `cascade bench overload`: one document for machines, tables for people."""

from dataclasses import dataclass

from rich.console import Group
from rich.table import Table

from benchmarks.machine import Machine
from benchmarks.surge import Bar, Phase, Second


@dataclass(frozen=True, slots=True)
class OverloadReport:
    benchmark: str
    machine: Machine
    address: str
    release: str | None
    deadline_ms: float
    peak_rps: float
    """Goodput: given, or found before."""
    times: float
    phases: list[Phase]
    recovery_s: int
    bars: list[Bar]
    passed: bool
    waited: int
    """Requests that found all connections busy."""
    lag_p99_ms: float
    """The generator's own."""
    seconds: list[Second]


def tables(report: OverloadReport) -> Group:
    """The phases, and the bars."""
    load = Table(title=f"POST /v1/feed at {report.address}", box=None, padding=(0, 1), pad_edge=False)
    for heading in ("", "offered/s", "good/s", "p50", "p99", "refused", "p50", "p99", "quality", "errors"):
        load.add_column(heading, justify="right" if heading else "left")
    for phase in report.phases:
        accepted, refused = phase.accepted_ms, phase.refused_ms
        errors = ", ".join(f"{count} {name}" for name, count in phase.errors.items())
        load.add_row(
            phase.name,
            *(f"{value:.1f}" for value in (phase.offered, phase.good, accepted.p50, accepted.p99)),
            str(phase.refused),
            *(f"{value:.1f}" for value in (refused.p50, refused.p99)),
            f"{phase.quality:.2f}",
            errors,
        )
    asked = Table(box=None, padding=(0, 1), pad_edge=False)
    for heading in ("bar", "found", "bound", ""):
        asked.add_column(heading, justify="right" if heading in ("found", "bound") else "left")
    for bar in report.bars:
        asked.add_row(bar.name, f"{bar.value:g}", f"{bar.bound:g}", "pass" if bar.met else "FAIL")
    return Group(load, asked)
