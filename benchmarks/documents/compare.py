"""The dated report of `cascade bench compare`."""

from pathlib import Path

import msgspec

from benchmarks.compare_report import CompareReport, Standing, headline, same_feeds
from benchmarks.contenders.registry import REFERENCE
from benchmarks.documents.serve import OPEN_LOOP
from benchmarks.reporting.document import Bars, Document, Figure, Grid, Lines, Series
from benchmarks.turn import TIMEOUT_S

_NOTES = (
    "Every contender has the machine to itself, but for the load generator and both stores, and is started for its "
    "turn; every second round goes in reversed order, and figures are means of the turns.",
    OPEN_LOOP,
    "CPU is of all processes that a contender consists of, consumers and Ray's own included, generator and stores not; "
    "at a low rate most of it is spent whether or not anybody asks. Memory counts shared pages once.",
    "`fused` also runs the consumers of events and gRPC. Records for explanations are kept by `fused` and `monolith`.",
    "`composition` loads the whole release in each of its four stages: with what each needs it would take less memory.",
)


def compare_document(report: CompareReport) -> Document:
    """What was compared, for people."""
    plan = report.plan
    return Document(
        benchmark="compare",
        title="Cascade beside other servers of the same pipeline",
        summary=headline(report)[:1].upper() + headline(report)[1:] + ".",
        figures=_figures(report),
        machine=report.machine,
        settings=msgspec.to_builtins(plan) | {"dataset": Path(plan.dataset).name},
        tables=[_standings(report), _ratios(report), _turns(report)],
        charts=_charts(report),
        notes=[
            *(f"`{each.contender}`: {each.about}" for each in report.standings),
            *_NOTES,
            f"Requests are given up after {TIMEOUT_S:g} s.",
        ],
        not_reported=report.not_reported,
    )


def _figures(report: CompareReport) -> list[Figure]:
    figures = [
        Figure(f"goodput, {each.contender}", f"{each.goodput_rps:g} feeds/s", f"p99 <= {report.plan.p99_ms:g} ms")
        for each in report.standings
        if each.goodput_rps is not None
    ]
    figures += [
        Figure(f"Cascade beside {name}", f"{times:.2f}x", "goodput")
        for name, times in report.times_the_goodput.items()
        if times is not None
    ]
    figures += [
        Figure("p50 alone", f"{each.unloaded_p50_ms:.1f} ms", "Cascade, 1 feed/s")
        for each in report.standings
        if each.contender == REFERENCE
    ]
    if report.ceiling_rps is not None:
        figures.append(Figure("compute alone", f"{report.ceiling_rps:.0f} feeds/s", "all cores, without HTTP and Ray"))
    return figures


def _standings(report: CompareReport) -> Grid:
    common = f"{report.plan.rate:g}/s"
    columns = [
        "contender",
        "goodput",
        "of each turn",
        "p50 at 1/s",
        "p99 at 1/s",
        f"p50 at {common}",
        f"p99 at {common}",
    ]
    columns += [f"CPU ms a feed at {common}", "CPU ms at goodput", "cores at 1/s", "memory MB", "same feeds"]
    return Grid("Means", columns, [_standing_row(report, each) for each in report.standings])


def _standing_row(report: CompareReport, each: Standing) -> list[str]:
    times = (each.unloaded_p50_ms, each.unloaded_p99_ms, each.common_p50_ms, each.common_p99_ms, each.cpu_ms_per_feed)
    return [
        each.contender,
        "" if each.goodput_rps is None else f"{each.goodput_rps:g}",
        ", ".join(f"{rate:g}" for rate in each.goodputs_rps),
        *(f"{ms:.1f}" for ms in times),
        "" if each.cpu_ms_at_goodput is None else f"{each.cpu_ms_at_goodput:.1f}",
        f"{each.cores_unloaded:.2f}",
        f"{each.memory_mb:.0f}",
        same_feeds(report, each.contender),
    ]


def _ratios(report: CompareReport) -> Grid:
    names = list(next((each.to_reference for each in report.standings if each.to_reference), {}))
    rows = [
        [each.contender, *("" if (r := each.to_reference[name]) is None else f"{r:.2f}" for name in names)]
        for each in report.standings
        if each.to_reference
    ]
    return Grid(f"Ratios to {REFERENCE}", ["contender", *(name.replace("_", " ") for name in names)], rows)


def _turns(report: CompareReport) -> Grid:
    rows = []
    for turn in report.turns:
        figures, start = turn.figures, f"{turn.start_s:.0f}"
        for kind, measured in (
            ("unloaded", figures.unloaded),
            ("common", figures.common),
            *(("search", each) for each in figures.search),
        ):
            point = measured.point
            rows.append(
                [
                    f"{turn.contender} {turn.round}",
                    kind,
                    start,
                    f"{point.rate:g}",
                    f"{point.latency_ms.p50:.1f}",
                    f"{point.latency_ms.p99:.1f}",
                    str(sum(point.errors.values())),
                    f"{point.lag_ms.p99:.2f}",
                    f"{measured.cpu_ms_per_feed:.1f}",
                    f"{measured.store_cpu_ms_per_feed:.1f}",
                ]
            )
    columns = ["turn", "point", "start s", "offered/s", "p50", "p99", "errors", "generator lag p99"]
    return Grid("All points, in the order in which they were measured", [*columns, "CPU ms", "CPU ms stores"], rows)


def _charts(report: CompareReport) -> list[Lines | Bars]:
    makers = [each for each in report.standings if each.goodput_rps is not None]
    bars = Bars(
        f"Goodput at p99 <= {report.plan.p99_ms:g} ms",
        "feeds/s",
        [each.contender for each in makers],
        [each.goodput_rps or 0.0 for each in makers],
    )
    if report.ceiling_rps is not None:
        bars = msgspec.structs.replace(
            bars, labels=[*bars.labels, "compute alone"], values=[*bars.values, report.ceiling_rps]
        )
    lines = Lines(
        "p99 by load",
        "feeds/s offered",
        "p99, ms",
        [_p99s(report, each.contender) for each in report.standings],
        report.plan.p99_ms,
    )
    return [bars, lines]


def _p99s(report: CompareReport, contender: str) -> Series:
    points = [
        measured.point
        for turn in report.turns
        if turn.contender == contender
        for measured in (turn.figures.unloaded, turn.figures.common, *turn.figures.search)
    ]
    rates = sorted({point.rate for point in points})
    worst = [max(point.latency_ms.p99 for point in points if point.rate == rate) for rate in rates]
    return Series(contender, list(rates), list(worst))
