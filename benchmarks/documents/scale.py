"""The dated report of `cascade bench scale`."""

from collections.abc import Callable
from pathlib import Path

from benchmarks.documents.serve import OPEN_LOOP
from benchmarks.reporting.document import Bars, Document, Figure, Grid
from benchmarks.scale_report import COLUMNS, Report, Scaled, rows


def scale_document(report: Report) -> Document:
    """What feeds cost by posts, candidates and feed servers, for people."""
    largest = max(report.cases, key=lambda scaled: scaled.case.posts)
    share = report.times_the_first(largest)
    return Document(
        benchmark="scale",
        title="Cost by size",
        summary="What feeds cost by posts, candidates and feed servers; each case is a Cascade of its own.",
        figures=[
            Figure(
                f"goodput, {largest.case.posts:,} posts",
                f"{report.goodput_rps(largest):g} feeds/s",
                "" if share is None else f"{share:.2f} of that of {report.cases[0].case.posts:,} posts",
            ),
            Figure(
                f"memory, {largest.case.posts:,} posts", f"{largest.memory_mb * 1e6 / 2**30:.1f} GiB", "all processes"
            ),
        ],
        machine=report.machine,
        settings={
            "release": report.plan.release,
            "dataset": Path(report.plan.dataset).name,
            "p99_ms": report.plan.p99_ms,
            "rate": report.plan.rate,
            "seconds": report.plan.seconds,
        },
        tables=[Grid("Cases", list(COLUMNS), rows(report))],
        charts=[
            _bars(report, "Goodput", "feeds/s", report.goodput_rps),
            _bars(report, "CPU of a feed", "ms", lambda scaled: scaled.figures.common.cpu_ms_per_feed),
            _bars(report, "Memory", "MB", lambda scaled: scaled.memory_mb),
        ],
        notes=[
            OPEN_LOOP,
            "CPU is of all processes but the stores and the load generator, so with what runs whether or not anybody "
            "asks. Memory is of all processes with the stores, shared pages once.",
        ],
        not_reported=report.not_reported,
    )


def _bars(report: Report, title: str, unit: str, value: Callable[[Scaled], float]) -> Bars:
    labels = [f"{s.case.posts:,} posts, {s.case.candidates:g}x, {s.case.replicas} servers" for s in report.cases]
    return Bars(title, unit, labels, [value(scaled) for scaled in report.cases])
