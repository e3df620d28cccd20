from dataclasses import replace

import pytest

from benchmarks.answers import Answers
from benchmarks.point import summarise
from benchmarks.report import goodput, verdict
from tests.benchmarks.test_point import trace

GOOD = summarise(trace(0.05), Answers())


def test_goodput_is_the_highest_rate_that_meets_the_objective():
    points = [replace(GOOD, rate=rate, achieved=rate) for rate in (50.0, 200.0, 100.0)]
    points.append(replace(GOOD, rate=400.0, achieved=400.0, errors={"503": 1}))
    assert goodput(points, 200) == 200
    assert goodput(points, 20) == 0
    assert goodput([], 200) == 0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, "ok"),
        ({"quality": 0.62}, "ok, quality 0.62"),
        ({"errors": {"timeout": 2, "503": 1}}, "1 503, 2 timeout"),
        ({"latency_ms": replace(GOOD.latency_ms, p99=201.0)}, "p99 > 200 ms"),
        ({"latency_ms": replace(GOOD.latency_ms, p99=float("nan"))}, "p99 > 200 ms"),
        ({"achieved": 90.0}, "not kept up with"),
        ({"valid": False}, "generator late"),
    ],
)
def test_the_verdict_says_why(change, said):
    assert verdict(replace(GOOD, **change), 200) == said
