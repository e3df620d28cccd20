"""The dated report of `cascade bench search`."""

from benchmarks.documents.serve import OPEN_LOOP
from benchmarks.report import verdict
from benchmarks.reporting.document import Document, Figure, Grid, Lines, Series
from benchmarks.search_report import WHEN, Report


def search_document(report: Report) -> Document:
    """What feeds notice of a search, for people."""
    rates: list[float | None] = [beside.rate for beside in report.rates]
    return Document(
        benchmark="search",
        title="Feeds beside a search",
        summary=f"A search for {report.model} on the Ray that serves: the objective is "
        + ("kept." if report.kept else "not kept."),
        figures=[
            Figure(
                f"p99 at {beside.rate:g} feeds/s",
                f"{beside.during.latency_ms.p99:.1f} ms",
                f"{beside.before.latency_ms.p99:.1f} before, {beside.after.latency_ms.p99:.1f} after",
            )
            for beside in report.rates
        ],
        machine=report.machine,
        settings={
            "model": report.model,
            "release": report.release,
            "seconds": report.seconds,
            "slo_ms": report.slo_ms,
        },
        tables=[
            Grid(
                "Feeds before, during and after the search",
                ["offered/s", "when", "p50", "p99", "max", "search, cores", "verdict"],
                [
                    [
                        f"{beside.rate:g}",
                        when,
                        *(f"{ms:.1f}" for ms in (point.latency_ms.p50, point.latency_ms.p99, point.latency_ms.max)),
                        f"{beside.search_cores:.2f}" if when == "during" else "",
                        verdict(point, report.slo_ms),
                    ]
                    for beside in report.rates
                    for when, point in beside.points.items()
                ],
            )
        ],
        charts=[
            Lines(
                "p99 by load",
                "feeds/s offered",
                "ms",
                [Series(when, rates, [beside.points[when].latency_ms.p99 for beside in report.rates]) for when in WHEN],
                report.slo_ms,
            )
        ],
        notes=[OPEN_LOOP],
        not_reported=["searches with GPUs"],
    )
