import asyncio
import logging

from cluster.store.breaker import StoreUnavailable
from deployments.repeating import Repeated


def test_a_step_is_repeated_whatever_it_raises_until_it_is_closed(caplog):
    calls = []

    async def step():
        calls.append(len(calls))
        if len(calls) == 2:
            raise StoreUnavailable("online store", "gone", 100)
        if len(calls) == 3:
            raise ValueError("a fault")

    async def scenario():
        repeated = Repeated(step, pause_s=0, retry_s=0.001)
        await asyncio.sleep(0.01)
        assert calls == []  # not before it is started
        repeated.start()
        while len(calls) < 5:
            await asyncio.sleep(0.001)
        await repeated.close()
        done = len(calls)
        await asyncio.sleep(0.01)
        assert len(calls) == done

    with caplog.at_level(logging.ERROR):
        asyncio.run(scenario())
    assert [str(record.exc_info[1]) for record in caplog.records] == ["a fault"]
    assert "step failed" in caplog.text


def test_a_step_that_swallows_its_cancellation_ends_all_the_same():
    async def step():
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            return

    async def scenario():
        repeated = Repeated(step, pause_s=0)
        repeated.start()
        await asyncio.sleep(0.01)
        async with asyncio.timeout(5):
            await repeated.close()

    asyncio.run(scenario())


def test_one_that_was_never_started_is_closed():
    async def step():
        raise AssertionError

    asyncio.run(Repeated(step, pause_s=0).close())
