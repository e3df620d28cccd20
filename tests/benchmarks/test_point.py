from dataclasses import replace

import numpy as np
import pytest

from benchmarks.answers import Answers
from benchmarks.http_client import BROKEN, TIMEOUT
from benchmarks.load import Schedule, Trace
from benchmarks.point import Point, counted_bodies, summarise


def trace(latency, *, status=200, lag=0.0, queued=False, rate=100.0, seconds=10.0, warmup=1.0) -> Trace:
    """Requests at even gaps; each argument is one value or one for each request."""
    n = round(rate * (seconds + warmup))
    intended = np.arange(n) / rate
    sent = intended + np.broadcast_to(lag, n)
    return Trace(
        schedule=Schedule(rate, seconds, warmup),
        intended=intended,
        sent=sent,
        done=intended + np.broadcast_to(latency, n),
        status=np.array(np.broadcast_to(status, n), np.int16),
        queued=np.array(np.broadcast_to(queued, n), np.bool_),
        bodies=[b"%d" % i for i in range(n)],
        client_cpu=0.11,
        client_realtime=True,
    )


def test_a_good_point():
    point = summarise(trace(0.02, lag=0.0005), Answers(degraded=3, short=2, cold_start=1))
    assert (point.rate, point.requests) == (100, 1000)
    assert point.achieved == pytest.approx(100, rel=0.001)
    assert point.latency_ms.p50 == pytest.approx(20, rel=0.01)
    assert point.lag_ms.max == pytest.approx(0.5, rel=0.01)
    assert point.client_cpu_us == pytest.approx(100)
    assert (point.errors, point.degraded, point.short, point.cold_start, point.waited) == ({}, 3, 2, 1, 0)
    assert point.valid
    assert point.meets(20.1)
    assert not point.meets(19.9)


def test_the_warm_up_does_not_count():
    early = np.arange(1100) < 100
    point = summarise(trace(np.where(early, 0.9, 0.01), status=np.where(early, 500, 200)), Answers())
    assert point.latency_ms.max < 11
    assert point.errors == {}
    assert counted_bodies(trace(0.01, status=np.where(early, 500, 200)))[0] == b"100"


@pytest.mark.parametrize("status", [500, 503, TIMEOUT, BROKEN])
def test_one_error_fails_a_point(status):
    last = np.arange(1100) == 1099
    point = summarise(trace(0.01, status=np.where(last, status, 200)), Answers())
    assert point.errors == {{TIMEOUT: "timeout", BROKEN: "broken"}.get(status, str(status)): 1}
    assert not point.meets(200)


def test_a_malformed_answer_is_an_error():
    assert summarise(trace(0.01), Answers(malformed=2)).errors == {"malformed": 2}


def test_timeouts_are_in_the_percentiles_and_quick_refusals_are_not():
    half = np.arange(1100) % 2 == 0
    refused = summarise(trace(np.where(half, 0.001, 0.1), status=np.where(half, 503, 200)), Answers())
    assert refused.latency_ms.p50 == pytest.approx(100, rel=0.01)
    late = summarise(trace(np.where(half, 2.0, 0.1), status=np.where(half, TIMEOUT, 200)), Answers())
    assert late.latency_ms.p90 == pytest.approx(2000, rel=0.01)


def test_a_growing_queue_fails_a_point_though_no_answer_is_late_yet():
    """The server answers 90 a second: after 10 s the last answers come 1 s late."""
    growing = np.arange(1100) / 100 * (1 / 0.9 - 1)
    point = summarise(trace(growing), Answers())
    assert point.achieved == pytest.approx(90, rel=0.01)
    assert not point.meets(5000)
    assert replace(point, achieved=99.0).meets(5000)


def test_the_last_two_requests_may_be_under_way_at_the_end():
    """Of 20 requests one is more than 2 %."""
    few = replace(summarise(trace(0.001), Answers()), rate=2.0, seconds=10.0)
    assert replace(few, achieved=1.8).meets(200)
    assert not replace(few, achieved=1.7).meets(200)


@pytest.mark.parametrize(
    ("lag", "latency", "valid"),
    [
        (0.0009, 0.002, True),  # too small to matter
        (0.003, 0.020, False),  # more than 10 % of the p99
        (0.003, 0.040, True),
        (0.006, 0.500, False),  # more than 5 ms
    ],
)
def test_the_generator_s_lag_decides_whether_a_point_is_valid(lag, latency, valid):
    point = summarise(trace(latency, lag=lag), Answers())
    assert point.valid is valid
    assert point.meets(1000) is valid


def test_waiting_for_a_connection_is_latency_and_no_lag():
    point = summarise(
        trace(0.5, lag=np.where(np.arange(1100) % 4 == 0, 0.4, 0.0001), queued=np.arange(1100) % 4 == 0), Answers()
    )
    assert point.waited == 250
    assert point.lag_ms.max < 1
    assert point.valid


def test_nothing_answered():
    point: Point = summarise(trace(0.001, status=BROKEN, lag=np.nan), Answers())
    assert point.achieved == 0
    assert np.isnan(point.latency_ms.p99)
    assert not point.meets(200)
