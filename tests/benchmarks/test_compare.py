"""`cascade bench compare` with contenders that do little, and what it makes of their figures."""

from dataclasses import replace

import msgspec
import numpy as np
import pytest

from benchmarks.answers import Answers
from benchmarks.cli import app
from benchmarks.compare_benchmark import Comparison, in_turn
from benchmarks.compare_report import (
    ComparePlan,
    Figures,
    Measured,
    Turn,
    compared,
    standing,
    times_the_goodput,
)
from benchmarks.contenders.contender import Contender
from benchmarks.http_client import Address
from benchmarks.machine import describe
from benchmarks.point import Point, summarise
from benchmarks.users import FeedRequests
from cluster.errors import CascadeError, InvalidField
from cluster.processes.run_state import write_run
from cluster.settings import load_settings
from tests.benchmarks.contenders.test_contender import ground
from tests.benchmarks.servers import run_at
from tests.benchmarks.test_point import trace

PLAN = ComparePlan(
    release="2022-05-04",
    dataset="d",
    users=50,
    contenders=["steady", "slow", "nothing"],
    workers=2,
    p99_ms=50.0,
    rate=20.0,
    seconds=0.3,
    warmup=0.1,
    rounds=2,
    seed=3,
    limit=50,
    connections=64,
)


def contender(name: str) -> Contender:
    return Contender(name, f"is {name}", package="tests.benchmarks.contenders")


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("CASCADE_HOME", str(tmp_path / "home"))


def test_each_is_measured_in_turn_and_back_again(monkeypatch):
    async def three_rates(meets, start, *_how):
        for rate in (start, 30.0, 40.0):
            await meets(rate)

    monkeypatch.setattr("benchmarks.turn.find_goodput", three_rates)
    monkeypatch.setattr("benchmarks.compare_benchmark.COMPARED", 2)
    # A bound that a busy machine keeps within, and `slow` never.
    plan, here = msgspec.structs.replace(PLAN, p99_ms=850.0), ground()
    requests = FeedRequests(Address.parse(here.url), np.arange(50), 50)
    said: list[str] = []
    comparison = Comparison(plan, here, requests, [], said.append)
    report = comparison.run([contender(name) for name in plan.contenders], describe(), compute=False)
    assert [(turn.contender, turn.round) for turn in report.turns] == [
        ("steady", 1),
        ("slow", 1),
        ("slow", 2),
        ("steady", 2),
    ]
    assert [
        missing
        for missing in report.not_reported
        if missing.startswith("nothing, round 1 and 2: nothing does not start")
    ]
    for turn in report.turns:
        assert turn.agreement is not None
        assert (turn.agreement.feeds, turn.agreement.identical) == (2, 2)
        assert turn.figures.common.point.requests == 6
        assert turn.memory_mb > 1
    slow, steady = (next(t.figures for t in report.turns if t.contender == name) for name in ("slow", "steady"))
    assert (slow.search, slow.goodput_rps(plan.p99_ms)) == ([], 0)
    assert [measured.point.rate for measured in steady.search][1:] == [30, 40]
    assert [line for line in said if line.endswith("starting ...")] == [
        f"{name}: starting ..." for name in ("steady", "slow", "nothing", "slow", "steady")
    ]


def test_who_ends_a_round_begins_the_next():
    a, b, c = (contender(name) for name in "abc")
    assert in_turn([a, b, c], 1) == [(a, [1]), (b, [1]), (c, [1])]
    assert in_turn([a, b, c], 3) == [(a, [1]), (b, [1]), (c, [1, 2]), (b, [2]), (a, [2, 3]), (b, [3]), (c, [3])]
    assert in_turn([a], 2) == [(a, [1, 2])]


def measured(rate: float, p99_ms: float, cores: float = 0.5) -> Measured:
    point: Point = summarise(trace(p99_ms / 1e3), Answers())
    return Measured(replace(point, rate=rate, achieved=rate), cores, cores / rate * 1e3, 1.0)


def turn(name: str, number: int, goodput_rps: float, cost: float = 1.0, feeds: bool = True) -> Turn:
    search = [measured(goodput_rps, 40, cost), measured(goodput_rps * 2, 400)] if goodput_rps else []
    unloaded = measured(1, 5 * cost if goodput_rps else 60)
    return Turn(name, number, 3.0, None, Figures(unloaded, measured(10, 60), search, feeds), 100 * cost)


def test_standings_are_means_and_their_ratios_to_the_reference():
    fused = standing("fused", "", [turn("fused", 1, 100), turn("fused", 2, 120)], 50)
    other = standing("monolith", "", [turn("monolith", 1, 50, 2), turn("monolith", 2, 60, 2)], 50)
    none = standing("composition", "", [turn("composition", 1, 0)], 50)
    floor = standing("noop", "", [turn("noop", 1, 10, 0.5, feeds=False)], 50)
    assert (fused.goodput_rps, fused.goodputs_rps) == (110, [100, 120])
    assert fused.cpu_ms_at_goodput == pytest.approx((1 / 100 + 1 / 120) / 2 * 1e3, abs=0.01)
    standings = {each.contender: each for each in compared([fused, other, none, floor])}
    assert standings["fused"].to_reference["goodput_rps"] == 1
    assert standings["monolith"].to_reference["goodput_rps"] == 0.5
    assert standings["monolith"].to_reference["memory_mb"] == 2
    assert standings["monolith"].to_reference["unloaded_p50_ms"] == pytest.approx(2, rel=0.01)
    assert (none.goodput_rps, none.cpu_ms_at_goodput) == (0, None)
    assert (floor.goodput_rps, standings["noop"].to_reference["goodput_rps"]) == (None, None)
    assert times_the_goodput([fused, other, none, floor]) == {"monolith": 2.0, "composition": None}
    assert times_the_goodput([other]) == {}
    assert compared([other]) == [other]


def test_a_running_cascade_is_in_the_way():
    write_run(load_settings().run_file, run_at("http://127.0.0.1:1"))
    with pytest.raises(CascadeError, match="Cascade is up") as error:
        app(["compare"], result_action="return_value")
    assert "cascade down" in error.value.remedy


@pytest.mark.parametrize(("option", "value"), [("--rounds", 0), ("--rate", -1), ("--p99-ms", 0), ("--contenders", "x")])
def test_values_that_are_not_allowed(option, value):
    with pytest.raises(InvalidField):
        app(["compare", option, str(value)], result_action="return_value")


def test_without_a_release_there_is_nothing_to_compare():
    with pytest.raises(CascadeError, match="release"):
        app(["compare"], result_action="return_value")
