from dataclasses import replace

import msgspec

from benchmarks.answers import Answers, Stage
from benchmarks.beside_events import BusyPoint, with_events
from benchmarks.event_flow import Flowed, FlowPlan
from benchmarks.lag import ConsumerLag
from benchmarks.point import summarise
from tests.benchmarks.test_point import trace

PLAN = FlowPlan("http://h:1", "", 500.0, 100, 0)
FEEDS = summarise(trace(0.05), Answers(stages_ms={"state": Stage(0.4, 1.5)}))
FLOWED = Flowed(10.0, 500.0, 499.0, FEEDS.latency_ms, {})
USERS = ConsumerLag("users", "{events}", 10, 20, 500.0, 499.0, 0, None)
GOOD = BusyPoint(FEEDS, FLOWED, [USERS])


def changed(rate: float, **change) -> BusyPoint:
    return msgspec.structs.replace(GOOD, **{"feeds": replace(FEEDS, rate=rate, achieved=rate)} | change)


def test_feeds_events_and_consumers_must_all_hold():
    refused = msgspec.structs.replace(FLOWED, errors={"429": 1})
    behind = replace(USERS, lag_at_end=501)
    points = [GOOD, changed(150.0), changed(200.0, flow=refused), changed(300.0, consumers=[USERS, behind])]
    found = with_events(PLAN, points, 200.0, 100.0)
    assert (found.goodput_rps, found.ratio, found.state_ms) == (150, 0.75, Stage(0.4, 1.5))
    assert found.points == points
    assert with_events(PLAN, points, 200.0, 20.0).goodput_rps == 0


def test_without_a_goodput_there_is_no_ratio():
    assert with_events(PLAN, [GOOD], 0.0, 100.0).ratio is None
    assert with_events(PLAN, [], 100.0, 100.0).ratio == 0
