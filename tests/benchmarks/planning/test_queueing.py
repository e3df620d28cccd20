import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.planning.costs import FeedPoint, Feeds
from benchmarks.planning.queueing import Queue, check_p99
from cluster.errors import InvalidField

LOW, HIGH = FeedPoint(180, 44), FeedPoint(240, 168)
QUEUE = Queue.fit(Feeds(2, 7583, [LOW, HIGH], "a test"))


def rate(queue: Queue, rho: float) -> float:
    """Feeds/s of two servers."""
    return 2 * rho / queue.service


def test_the_law_goes_through_the_highest_point_and_near_the_other():
    assert rate(QUEUE, QUEUE.most) == pytest.approx(HIGH.feeds_per_s)
    assert QUEUE.p99(QUEUE.most) == pytest.approx(0.168)
    assert QUEUE.p99(LOW.feeds_per_s / 2 * QUEUE.service) == pytest.approx(0.044, rel=0.1)


def test_one_point_is_taken_as_nearly_all_that_can_be():
    queue = Queue.fit(Feeds(2, 7583, [HIGH], "a test"))
    assert queue.most == pytest.approx(0.9)
    assert queue.p99(queue.most) == pytest.approx(0.168)


def test_the_highest_load_keeps_p99_and_is_never_beyond_what_was_measured():
    assert QUEUE.highest_load(10.0) == QUEUE.most
    load = QUEUE.highest_load(0.1)
    assert 0 < load < QUEUE.most
    assert QUEUE.p99(load) == pytest.approx(0.1)
    assert QUEUE.with_work(0.01).highest_load(0.1) < load  # a longer feed waits longer too


@given(st.floats(0.001, 0.99), st.floats(0.05, 3.0))
def test_load_is_the_inverse_of_ongoing(rho, ratio):
    queue = Queue(0.01, 0.01 * ratio, 0.9)
    assert queue.load(queue.ongoing(rho)) == pytest.approx(rho)


@given(st.floats(0, 500), st.floats(0, 1000), st.floats(0.05, 3.0))
def test_a_step_loses_nothing(ongoing, arrivals, ratio):
    queue = Queue(0.01, 0.01 * ratio, 0.9)
    left, answered = queue.step(ongoing, arrivals, 1.0)
    assert left >= 0
    assert 0 <= answered <= 100 * (1 + 1e-9)  # a second has no more
    assert left + answered == pytest.approx(ongoing + arrivals)


def test_a_steady_load_settles_where_the_law_says():
    ongoing = 0.0
    for _ in range(50):
        ongoing, answered = QUEUE.step(ongoing, 0.8 / QUEUE.service, 1.0)
    assert ongoing == pytest.approx(QUEUE.ongoing(0.8), rel=1e-6)
    assert answered == pytest.approx(0.8 / QUEUE.service)


def test_who_is_late():
    at_p99 = QUEUE.ongoing(QUEUE.most)
    assert QUEUE.late(at_p99, 0.168) == pytest.approx(0.01)
    assert QUEUE.late(0.0, 0.168) == 0
    assert QUEUE.late(at_p99, QUEUE.service / 2) == 1
    assert QUEUE.late(64.0, 0.168) == 1


@pytest.mark.parametrize("p99_ms", [43.0, 0.0, -5.0, math.nan, math.inf])
def test_an_objective_that_nothing_measured_met_is_refused(p99_ms):
    with pytest.raises(InvalidField, match="at least 44, the p99 at 180 feeds/s"):
        check_p99(Feeds(2, 7583, [LOW, HIGH], "a test"), p99_ms)
