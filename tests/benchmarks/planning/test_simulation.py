import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.planning.autoscaling import Rules
from benchmarks.planning.pool import Machines
from benchmarks.planning.queueing import Queue
from benchmarks.planning.simulation import Service, fitting, simulate

QUEUE = Queue(service=0.008, wait=0.003, most=0.92)
SERVICE = Service(QUEUE, Machines(8, 20.0, 60.0), max_ongoing=64, limit=0.2)
RULES = Rules(2, 80, target_ongoing_requests=1.0, downscaling_factor=0.3)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 40), st.lists(st.floats(0, 20_000), min_size=1, max_size=12), st.booleans())
def test_no_feed_is_lost_or_made_up(replicas, loads, scaled):
    feeds = np.repeat(loads, 30)
    day = simulate(feeds, SERVICE, RULES if scaled else None, replicas)
    assert day.answered + day.refused + day.left == pytest.approx(day.offered)
    assert 0 <= day.late <= day.answered * (1 + 1e-9)
    assert min(day.refused, day.left) >= 0


def test_a_steady_load_within_reach_is_answered_in_time():
    day = simulate(np.full(600, 800.0), SERVICE, None, 10)  # 64 % busy
    assert day.refused == 0
    assert day.late < 1e-6 * day.offered
    assert day.replica_hours == pytest.approx(10 / 6)


def test_more_than_there_can_be_is_refused():
    day = simulate(np.full(600, 2500.0), SERVICE, None, 10)  # twice what ten servers do
    assert day.refused == pytest.approx(day.offered / 2, rel=0.02)
    assert day.late > 0.98 * day.answered


def test_replicas_follow_the_load_up_and_down():
    feeds = np.concatenate([np.full(600, 500.0), np.full(900, 3000.0), np.full(1200, 500.0)])
    day = simulate(feeds, SERVICE, RULES, fitting(500.0, QUEUE, RULES))
    need = fitting(3000.0, QUEUE, RULES)
    assert day.most_replicas >= need
    assert day.replica_hours < need * len(feeds) / 3600
    assert day.refused > 0  # until the new replicas answer
    assert day.most_nodes <= 10


def test_the_autoscaler_is_content_with_what_fits():
    begin = fitting(1000.0, QUEUE, RULES)
    day = simulate(np.full(1800, 1000.0), SERVICE, RULES, begin)
    assert day.most_replicas <= begin + 1
    assert day.replica_hours == pytest.approx(begin / 2, rel=0.1)


def test_a_target_of_many_requests_makes_replicas_swing():
    """Eight at once means a server that is nearly always busy: with fewer, Serve takes servers away until it is."""
    swinging = Rules(2, 80, target_ongoing_requests=8.0)
    day, calm = (
        simulate(np.full(3600, 1000.0), SERVICE, rules, fitting(1200.0, QUEUE, rules)) for rules in (swinging, RULES)
    )
    assert day.refused + day.late > 0.05 * day.offered
    assert calm.refused + calm.late < 1e-3 * calm.offered
