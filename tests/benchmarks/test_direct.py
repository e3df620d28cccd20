import asyncio

import numpy as np
import uvloop

from benchmarks.direct import Direct
from benchmarks.http_client import BROKEN, TIMEOUT
from benchmarks.load import Schedule, Trace, open_loop
from cluster.store.breaker import StoreUnavailable


def load(answer, schedule: Schedule) -> Trace:
    return uvloop.run(open_loop(Direct(answer), lambda n, _: [b"%d" % i for i in range(n)], schedule))


def test_each_call_is_answered_once_and_timed_from_when_it_was_due():
    seen = []

    async def answer(payload: bytes) -> None:
        await asyncio.sleep(0.02)
        seen.append(payload)

    trace = load(answer, Schedule(rate=100, seconds=0.5, warmup=0.2))
    assert sorted(seen, key=int) == [b"%d" % i for i in range(70)]
    assert set(trace.status) == {200}
    assert np.all(trace.done - trace.intended >= 0.02 - 0.002)
    assert np.all(trace.sent >= trace.intended)


def test_a_store_that_is_gone_breaks_the_call_and_a_slow_one_times_out():
    async def answer(payload: bytes) -> None:
        if payload == b"1":
            raise StoreUnavailable("store", "gone", 500)
        if payload == b"2":
            await asyncio.sleep(0.6)

    trace = load(answer, Schedule(rate=20, seconds=0.2, warmup=0.0, timeout=0.2))
    assert trace.status.tolist() == [200, BROKEN, TIMEOUT, 200]
