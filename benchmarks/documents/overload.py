"""The dated report of `cascade bench overload`."""

from benchmarks.documents.serve import OPEN_LOOP
from benchmarks.overload_report import OverloadReport
from benchmarks.reporting.document import Document, Figure, Grid, Lines, Series


def overload_document(report: OverloadReport) -> Document:
    """What became of a server under too much load, for people."""
    seconds: list[float | None] = [float(s) for s in range(len(report.seconds))]
    return Document(
        benchmark="overload",
        title="Too much load",
        summary=f"{report.times:g} times the {report.peak_rps:g} feeds/s that it carries: "
        + ("every bar is met." if report.passed else "not every bar is met."),
        figures=[
            Figure(bar.name, f"{bar.value:g}", f"bound {bar.bound:g}: {'met' if bar.met else 'missed'}")
            for bar in report.bars
        ],
        machine=report.machine,
        settings={
            "address": report.address,
            "release": report.release,
            "deadline_ms": report.deadline_ms,
            "peak_rps": report.peak_rps,
            "times": report.times,
        },
        tables=[
            Grid(
                "Phases",
                ["", "offered/s", "good/s", "p50", "p99", "refused", "refused p50", "refused p99", "quality", "errors"],
                [
                    [
                        phase.name,
                        *(f"{value:.1f}" for value in (phase.offered, phase.good)),
                        *(f"{ms:.1f}" for ms in (phase.accepted_ms.p50, phase.accepted_ms.p99)),
                        str(phase.refused),
                        *(f"{ms:.1f}" for ms in (phase.refused_ms.p50, phase.refused_ms.p99)),
                        f"{phase.quality:.2f}",
                        ", ".join(f"{count} {name}" for name, count in phase.errors.items()),
                    ]
                    for phase in report.phases
                ],
            )
        ],
        charts=[
            Lines(
                "What was offered, and what came in time",
                "second",
                "feeds/s",
                [
                    Series("offered", seconds, [float(each.offered) for each in report.seconds]),
                    Series("in time", seconds, [float(each.good) for each in report.seconds]),
                ],
            ),
            Lines(
                "p99 of what was answered",
                "second",
                "ms",
                [Series("p99", seconds, [each.p99_ms for each in report.seconds])],
                report.deadline_ms,
            ),
        ],
        notes=[OPEN_LOOP, f"The load generator's own lag was {report.lag_p99_ms:.2f} ms at p99."],
        not_reported=["load from another machine: the generator had its share of these cores"],
    )
