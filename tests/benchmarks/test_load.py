"""The generator against servers with known delays. Bounds are wide: these tests are of what counts, not of speed."""

import asyncio
import gc
import os
import time

import numpy as np
import pytest
import uvloop
from aiohttp import web

from benchmarks.http_client import BROKEN, TIMEOUT, Address, Pool
from benchmarks.load import LEAD, Schedule, Trace, open_loop, settle
from tests.benchmarks.servers import FEED, Stalling, answers, serving


def load(address: Address, schedule: Schedule, connections: int = 64) -> Trace:
    """A run of `schedule` whose requests carry their number."""

    async def run() -> Trace:
        async with Pool(address, connections) as pool:
            return await open_loop(
                pool, lambda n, _: [address.post("/v1/feed", b'{"n": %d}' % i) for i in range(n)], schedule
            )

    return uvloop.run(run())


def test_each_request_is_sent_once_in_order_and_its_answer_kept():
    seen = []

    async def echo(request: web.Request) -> web.Response:
        seen.append(await request.read())
        return web.Response(body=seen[-1])

    schedule = Schedule(rate=200, seconds=1.0, warmup=0.5)
    with serving(echo) as address:
        trace = load(address, schedule)
    expected = [b'{"n": %d}' % i for i in range(300)]
    assert sorted(seen) == sorted(expected)
    assert trace.bodies == expected
    assert set(trace.status) == {200}
    assert trace.counted.sum() == 200
    assert np.array_equal(trace.intended, schedule.arrivals())
    assert np.all(trace.sent >= trace.intended)
    assert np.all(trace.done >= trace.sent)
    assert trace.client_cpu > 0


def test_latency_holds_the_server_s_delay():
    with serving(answers(delay=0.05)) as address:
        trace = load(address, Schedule(rate=100, seconds=1.0, warmup=0.0))
    latency = trace.done - trace.intended
    assert latency.min() >= 0.05
    assert np.median(latency) < 0.5


@pytest.mark.parametrize("connections", [1, 256])
def test_a_stall_is_charged_to_every_request_due_in_it(connections):
    """A closed loop would count one slow request a connection; with one connection the rest wait in the client."""
    server = Stalling(seconds=0.3, after=0.5)
    with serving(server.handle) as address:
        start = time.monotonic()
        trace = load(address, Schedule(rate=200, seconds=1.5, warmup=0.0), connections)
        assert time.monotonic() - start < 30
    first = trace.sent[0]
    # The server's stall on the trace's clock, give or take the first request's travel.
    begin, end = first + 0.5, first + 0.8
    due = (trace.intended > begin + 0.05) & (trace.intended < end - 0.05)
    assert due.sum() > 20
    latency = (trace.done - trace.intended)[due]
    assert np.all(latency > end - trace.intended[due] - 0.02)
    assert set(trace.status) == {200}
    # With enough connections the generator did not wait for the stalled answers.
    assert trace.queued.any() == (connections == 1)
    if connections > 1:
        assert np.median((trace.sent - trace.intended)[due]) < 0.1


def test_errors_are_results_and_do_not_stop_the_run():
    with serving(answers(b'{"error": {}}', status=500)) as address:
        trace = load(address, Schedule(rate=100, seconds=0.5, warmup=0.0))
    assert set(trace.status) == {500}
    assert len(trace.status) == 50


def test_closed_connections_are_results_and_do_not_stop_the_run():
    async def drop_half(request: web.Request) -> web.Response:
        body = await request.json()
        if body["n"] % 2:
            request.transport.close()
        return web.Response()

    with serving(drop_half) as address:
        trace = load(address, Schedule(rate=100, seconds=0.5, warmup=0.0))
    assert trace.status.tolist() == [200, BROKEN] * 25


def test_what_takes_too_long_is_given_up():
    async def hang_at_three(request: web.Request) -> web.Response:
        body = await request.json()
        if body["n"] == 3:
            await asyncio.sleep(3)
        return web.Response(body=FEED)

    with serving(hang_at_three) as address:
        trace = load(address, Schedule(rate=100, seconds=0.2, warmup=0.0, timeout=0.5))
    assert [i for i, status in enumerate(trace.status) if status != 200] == [3]
    assert trace.status[3] == TIMEOUT
    assert 0.5 <= trace.done[3] - trace.intended[3] < 5


def test_a_server_that_is_gone_breaks_every_request():
    with serving(answers()) as address:
        pass
    trace = load(address, Schedule(rate=50, seconds=0.4, warmup=0.0))
    assert trace.status.tolist() == [BROKEN] * 20
    assert np.all(np.isnan(trace.sent))


def test_collector_and_scheduling_are_as_before_after_a_run():
    before = os.sched_getscheduler(0)
    with serving(answers()) as address:
        load(address, Schedule(rate=10, seconds=0.1, warmup=0.0))
    assert os.sched_getscheduler(0) == before
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0


def test_a_generator_that_may_not_go_first_works_as_it_is(monkeypatch):
    allowed = os.sched_setscheduler

    def refuse(who: int, policy: int, param: os.sched_param) -> None:
        if policy == os.SCHED_FIFO:
            raise PermissionError
        allowed(who, policy, param)

    monkeypatch.setattr(os, "sched_setscheduler", refuse)
    with serving(answers()) as address:
        trace = load(address, Schedule(rate=10, seconds=0.5, warmup=0.0))
    assert trace.client_realtime is False
    assert set(trace.status) == {200}


def test_schedules_differ_by_rate_and_seed_only():
    one = Schedule(rate=50, seed=1)
    assert np.array_equal(one.arrivals(), Schedule(rate=50, seed=1).arrivals())
    assert not np.array_equal(one.arrivals(), Schedule(rate=50, seed=2).arrivals())
    assert one.rng("payloads").random() != one.rng("arrivals").random()
    assert 0 < LEAD < 1


def test_settle_waits_for_a_quick_answer():
    async def run(address: Address) -> list[bool]:
        payload = address.post("/v1/feed", b"{}")
        async with Pool(address) as pool:
            return [await settle(pool, payload, quick, patience) for quick, patience in ((0.1, 20), (1e-6, 0.3))]

    server = Stalling(seconds=0.5, after=0.0)
    with serving(server.handle) as address:
        assert uvloop.run(run(address)) == [True, False]
        assert time.monotonic() >= server.end
    assert server.requests >= 3
