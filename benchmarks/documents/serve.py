"""The dated report of `cascade bench serve`."""

from dataclasses import asdict
from typing import Final

from benchmarks.point import Point
from benchmarks.report import Report, verdict
from benchmarks.reporting.document import Document, Figure, Grid, Lines, Series

#: How load is made and judged, for all reports in which it is.
OPEN_LOOP: Final = (
    "Latency counts from the time at which a request was due (open loop). Goodput is the highest rate with p99 within "
    "the bound, no error, and all requests answered in time."
)
_NOTES: Final = [
    OPEN_LOOP,
    "Efficiency is the share of the machine that would be busy if it did nothing but the arithmetic of the goodput.",
]


def serve_document(report: Report) -> Document:
    """What was measured of serving, for people."""
    slo_ms, beside = report.plan.slo_ms, report.with_events
    points = sorted([report.unloaded, *report.points], key=lambda point: point.rate)
    figures = [
        Figure("goodput", f"{report.goodput_rps:g} feeds/s", f"p99 <= {slo_ms:g} ms"),
        Figure("p50 alone", f"{report.unloaded_p50_ms:.2f} ms", "1 feed/s"),
    ]
    if report.floor_p50_ms is not None:
        figures.append(Figure("no-op alone", f"{report.floor_p50_ms:.2f} ms", "the same Ray Serve, doing nothing"))
    if report.compute_ms is not None:
        figures.append(Figure("compute", f"{report.compute_ms:.2f} ms", "CPU of a feed without HTTP and Ray"))
    if report.efficiency is not None:
        figures.append(Figure("efficiency", f"{report.efficiency:.2f}", f"of {report.machine.cores} cores"))
    series = [_series("p50", points, "p50"), _series("p99", points, "p99")]
    tables = [_points("All points", points, slo_ms), _stages(points)]
    if beside is not None:
        busy = sorted((each.feeds for each in beside.points), key=lambda point: point.rate)
        figures.append(Figure(f"goodput with {beside.events_per_s:g} events/s", f"{beside.goodput_rps:g} feeds/s"))
        series.append(_series("p99 with events", busy, "p99"))
        tables.append(_points(f"With {beside.events_per_s:g} events per second", busy, slo_ms))
    return Document(
        benchmark="serve",
        title="Serving feeds",
        summary=f"{report.goodput_rps:g} feeds/s with p99 within {slo_ms:g} ms; alone a feed takes "
        f"{report.unloaded_p50_ms:.1f} ms.",
        figures=figures,
        machine=report.machine,
        settings=asdict(report.plan),
        tables=tables,
        charts=[Lines("Latency by load", "feeds/s offered", "ms", series, slo_ms)],
        notes=_NOTES,
        not_reported=report.not_reported,
    )


def _series(name: str, points: list[Point], percentile: str) -> Series:
    return Series(name, [p.rate for p in points], [getattr(p.latency_ms, percentile) for p in points])


def _points(title: str, points: list[Point], slo_ms: float) -> Grid:
    columns = ["offered/s", "served/s", "p50", "p90", "p99", "p99.9", "max", "degraded", "generator lag p99", "verdict"]
    return Grid(
        title,
        columns,
        [
            [
                f"{point.rate:g}",
                f"{point.achieved:.1f}",
                *(f"{ms:.1f}" for ms in asdict(point.latency_ms).values()),
                str(point.degraded),
                f"{point.lag_ms.p99:.2f}",
                verdict(point, slo_ms),
            ]
            for point in points
        ],
    )


def _stages(points: list[Point]) -> Grid:
    """p50 / p99 of each stage by the server's own clock."""
    names = list(dict.fromkeys(name for point in points for name in point.stages_ms))
    rows = [[f"{point.rate:g}", *(_stage(point, name) for name in names)] for point in points]
    return Grid("Stages by the server's clock, p50 / p99 in ms", ["offered/s", *names], rows)


def _stage(point: Point, name: str) -> str:
    stage = point.stages_ms.get(name)
    return f"{stage.p50:.2f} / {stage.p99:.2f}" if stage else ""
