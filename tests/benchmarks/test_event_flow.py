import asyncio

import pytest
import uvloop

from benchmarks.event_flow import EventFlow, Flowed, FlowPlan
from cluster.errors import CascadeError
from tests.benchmarks.event_servers import Cascade
from tests.benchmarks.servers import serving


def flowed(plan: FlowPlan, seconds: float) -> Flowed:
    async def run() -> Flowed:
        async with EventFlow(plan) as flow:
            await asyncio.sleep(seconds)
            return await flow.stop()

    return uvloop.run(run())


def test_events_flow_at_their_rate_until_they_are_stopped(world):
    cascade = Cascade()
    with serving(cascade.handle) as address:
        told = flowed(FlowPlan(address.url, str(world.folder), 1000.0, 10, 1), 2.0)
        taken = len(cascade.taken)
    assert told.steady
    assert (told.offered, told.errors) == (1000.0, {})
    assert told.seconds >= 1.9
    assert told.acknowledged * told.seconds == pytest.approx(taken, rel=0.01)
    # A Poisson process of 100 batches a second: five standard deviations.
    assert taken / 10 == pytest.approx(100 * told.seconds, abs=5 * (100 * told.seconds) ** 0.5)
    assert len({event["event_id"] for event in cascade.taken}) == taken
    assert told.latency_ms is not None
    assert 0 < told.latency_ms.p50 <= told.latency_ms.p99


def test_refused_batches_are_counted_and_the_flow_goes_on(world):
    cascade = Cascade(refuses=1)
    with serving(cascade.handle) as address:
        told = flowed(FlowPlan(address.url, str(world.folder), 1000.0, 10, 1), 0.5)
    assert not told.steady
    assert told.errors["429"] > 10
    assert (told.acknowledged, told.latency_ms) == (0, None)


def test_a_flow_that_cannot_begin_says_why(tmp_path):
    with pytest.raises(CascadeError, match="is not a data set"):
        flowed(FlowPlan("http://127.0.0.1:9", str(tmp_path), 100.0, 10, 1), 0.1)
