"""Each benchmark's own report as a dated one."""

from dataclasses import replace

import pytest

from benchmarks.compare_report import CompareReport, compared, standing, times_the_goodput
from benchmarks.compute import Compute
from benchmarks.documents.compare import compare_document
from benchmarks.documents.events import events_document
from benchmarks.documents.footprint import footprint_document
from benchmarks.documents.kernels import kernels_document
from benchmarks.documents.overload import overload_document
from benchmarks.documents.ranker import ranker_document
from benchmarks.documents.search import search_document
from benchmarks.documents.serve import serve_document
from benchmarks.documents.soak import soak_document
from benchmarks.documents.train import train_document
from benchmarks.effect import Effect
from benchmarks.event_flow import Flowed
from benchmarks.events_report import EventsPlan, EventsPoint, EventsReport, RawAppends
from benchmarks.footprint_posts import CatalogueCost, ReleaseBytes
from benchmarks.footprint_report import Footprint
from benchmarks.footprint_stores import EventBytes, PostBytes, UserBytes
from benchmarks.kernels_report import Latency, Result
from benchmarks.kernels_report import Report as KernelsReport
from benchmarks.lag import ConsumerLag
from benchmarks.machine import describe
from benchmarks.memory import Growth, ProcessMemory
from benchmarks.overload_report import OverloadReport
from benchmarks.ranker_report import HeadError
from benchmarks.ranker_report import Report as RankerReport
from benchmarks.ranker_report import Result as RankerResult
from benchmarks.report import Plan, Report
from benchmarks.reporting.document import Document
from benchmarks.reporting.files import read_reports, write_report
from benchmarks.reporting.page import page
from benchmarks.search_report import Beside
from benchmarks.search_report import Report as SearchReport
from benchmarks.soak_report import SoakPlan, SoakReport, StreamGrowth, soaked
from benchmarks.surge import bars, by_second, phases
from benchmarks.train_report import Report as TrainReport
from benchmarks.train_report import Speed
from tests.benchmarks.test_compare import PLAN, turn
from tests.benchmarks.test_overload import SURGE, trace
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


def overload() -> Document:
    run = trace(took=lambda t: 0.1, status=lambda t: 503 if 2 <= t < 6 and int(t * 1000) % 3 else 200)
    found, seconds = phases(run, SURGE, 200.0), by_second(run, 200.0)
    judged = bars(found, 0, 10.0, 200.0)
    report = OverloadReport(
        benchmark="overload",
        machine=describe(),
        address="http://127.0.0.1:1",
        release="r",
        deadline_ms=200.0,
        peak_rps=10.0,
        times=3.0,
        phases=found,
        recovery_s=0,
        bars=judged,
        passed=all(bar.met for bar in judged),
        waited=0,
        lag_p99_ms=0.1,
        seconds=seconds,
    )
    return overload_document(report)


def soak() -> Document:
    memory = ProcessMemory("feed server", 7, 10, Growth(300.0, 310.0, 2.0, 0.5), Growth(200.0, 210.0, 1.0, 0.5))
    report = SoakReport(
        benchmark="soak",
        machine=describe(),
        plan=SoakPlan("http://127.0.0.1:1", "r", "/home/of/world", 1.0, 50.0, 100.0, 100, 5.0, 0, 50),
        feeds=soaked([GOOD, GOOD]),
        parts=[GOOD, GOOD],
        events=Flowed(60.0, 100.0, 99.0, GOOD.latency_ms, {}),
        consumers=[ConsumerLag("users", "events", 3, 9, 10.0, 100.0, 0, None)],
        memory=[memory],
        streams=[StreamGrowth("events", 1, 2)],
        ended=[],
        started=["another"],
        not_reported=["much"],
    )
    return soak_document(report)


def train() -> Document:
    fast, slow = Speed(30_000.0, 31_000.0, 9), Speed(27_000.0, 28_000.0, 9)
    return train_document(TrainReport(describe(), 10_000, 2048, 2, 10.0, fast, slow, fast, 0.9, 0.91))


def ranker() -> Document:
    exact, rounded = (
        RankerResult(us, us / 2, {"like": HeadError(error, error / 9)}, 1 - error, 1 - error)
        for us, error in ((900.0, 0.0), (700.0, 0.002))
    )
    results = {"fp32": exact, "int8": rounded}
    return ranker_document(RankerReport("ranker", describe(), "r", 100, 8, ["avx512_vnni"], results))


def search() -> Document:
    beside = [Beside(rate, GOOD, replace(GOOD, rate=rate), GOOD, 0.5) for rate in (50.0, 100.0)]
    return search_document(
        SearchReport(
            machine=describe(), model="ranker", release="r", seconds=10.0, slo_ms=200.0, kept=True, rates=beside
        )
    )


def footprint() -> Document:
    report = Footprint(
        "footprint",
        describe(),
        "/home/of/world",
        UserBytes(10, 2000.0, 1900.0, 3000.0, 9000, 2100.0),
        EventBytes(10, 300.0, 400.0, 20.0),
        PostBytes(10, 1100.0, 450.0),
        ReleaseBytes(600.0, 1500.0),
        [CatalogueCost(2000, 32, "IVF,Flat", 130.0, 500.0, 0.25, 1.0)],
    )
    return footprint_document(report)


@pytest.mark.parametrize(
    ("document", "figures"),
    [
        (overload, {"other errors": "0", "recovery, s": "0"}),
        (soak, {"feeds": f"{2 * GOOD.requests}", "events": "99/s"}),
        (train, {"Ray Train": "27,000 rows/s", "by medians": "0.91"}),
        (ranker, {"fp32": "900 us", "int8": "700 us"}),
        (search, {"p99 at 100 feeds/s": f"{GOOD.latency_ms.p99:.1f} ms"}),
        (footprint, {"user in the state store": "2,100 bytes", "search of 2,000 posts": "0.25 ms"}),
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
