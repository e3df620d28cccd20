"""Each benchmark's own report as a dated one."""

from dataclasses import replace

import pytest

from benchmarks.compare_document import compare_document
from benchmarks.compare_report import CompareReport, compared, standing, times_the_goodput
from benchmarks.compute import Compute
from benchmarks.effect import Effect
from benchmarks.events_document import events_document
from benchmarks.events_report import EventsPlan, EventsPoint, EventsReport, RawAppends
from benchmarks.kernels_document import kernels_document
from benchmarks.kernels_report import Latency, Result
from benchmarks.kernels_report import Report as KernelsReport
from benchmarks.machine import describe
from benchmarks.report import Plan, Report
from benchmarks.reporting.document import Document
from benchmarks.reporting.files import read_reports, write_report
from benchmarks.reporting.page import page
from benchmarks.serve_document import serve_document
from tests.benchmarks.test_compare import PLAN, turn
from tests.benchmarks.test_report import GOOD

COMPUTE = Compute(requests=300, cpu_ms=5.0, cpu_ms_mean=5.0, cpu_ms_p99=6.0, wall_ms=5.0)
UNLOADED = replace(GOOD, rate=1.0, achieved=1.0)


def serve() -> Document:
    report = Report(
        benchmark="serve",
        machine=describe(),
        plan=Plan("http://127.0.0.1:1", "r", 100, (50.0,), 10.0, 1.0, 2.0, 0, 200.0, 512, 50, 0.0),
        goodput_rps=100.0,
        unloaded_p50_ms=9.3,
        floor_p50_ms=1.2,
        compute_ms=5.0,
        efficiency=0.25,
        lag_p99_ms=0.1,
        unloaded=UNLOADED,
        points=[replace(GOOD, rate=rate, achieved=rate) for rate in (100.0, 50.0)],
        floor=None,
        compute=COMPUTE,
        state_ms=None,
        state_reads=None,
        with_events=None,
        not_reported=["much"],
    )
    return serve_document(report)


def events() -> Document:
    point = EventsPoint(100.0, GOOD, Effect(3, 0, GOOD.latency_ms), [])
    report = EventsReport(
        benchmark="events",
        machine=describe(),
        plan=EventsPlan("http://127.0.0.1:1", "r", "/home/of/world", 20, (), 10.0, 1.0, 2.0, 0, 1000.0, 128),
        sustained_events_per_s=100.0,
        sustained=point,
        unloaded=point,
        points=[],
        floor=RawAppends(14_000.0, UNLOADED, None),
        not_reported=["much"],
    )
    return events_document(report)


def kernels() -> Document:
    fast, slow = Latency(10.0, 12.0), Latency(100.0, 120.0)
    result = Result("trees", "300 rows", fast, slow, {"other": slow}, 10.0, 0.1, 1.0, 2.0, 2.1, 0.21, 1000)
    return kernels_document(KernelsReport(describe(), 1e9, [result]))


def compare() -> Document:
    turns = [turn("fused", 1, 100), turn("monolith", 1, 50, 2), turn("composition", 1, 0)]
    turns.append(turn("noop", 1, 10, 0.5, feeds=False))
    standings = compared([standing(each.contender, "a server", [each], PLAN.p99_ms) for each in turns])
    report = CompareReport(
        benchmark="compare",
        machine=describe(),
        plan=PLAN,
        standings=standings,
        times_the_goodput=times_the_goodput(standings),
        compute=[COMPUTE],
        ceiling_rps=400.0,
        turns=turns,
        not_reported=["much"],
    )
    return compare_document(report)


@pytest.mark.parametrize(
    ("document", "figures"),
    [
        (serve, {"goodput": "100 feeds/s", "p50 alone": "9.30 ms", "efficiency": "0.25"}),
        (events, {"sustained": "100 events/s", "append alone": "14000 events/s"}),
        (kernels, {"trees": "10 us"}),
        (
            compare,
            {"goodput, fused": "100 feeds/s", "goodput, composition": "0 feeds/s", "Cascade beside monolith": "2.00x"},
        ),
    ],
)
def test_it_says_what_was_measured_and_can_be_written(document, figures, tmp_path):
    made = document()
    assert figures.items() <= {figure.label: figure.value for figure in made.figures}.items()
    for table in made.tables:
        assert {len(row) for row in table.rows} <= {len(table.columns)}
    assert "/home" not in str(made.settings)
    write_report(made, tmp_path)
    [read] = read_reports(tmp_path)
    assert read.figures == made.figures
    for figure in made.figures:
        assert figure.value in page([read])


def test_one_that_carries_nothing_has_no_ratio():
    document = compare()
    assert "composition carries nothing at p99 &lt;= 50 ms" in page([document])
    assert not [figure for figure in document.figures if figure.label == "Cascade beside composition"]
    assert [row[0] for row in document.tables[0].rows] == ["fused", "monolith", "composition", "noop"]
