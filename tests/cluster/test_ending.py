import asyncio

import pytest

from cluster import ending
from cluster.ending import end


def test_a_task_that_misses_its_cancellation_is_told_again(monkeypatch):
    monkeypatch.setattr(ending, "AGAIN_S", 0.01)
    missed = []

    async def forever():
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                if missed:
                    raise
                missed.append(True)

    async def scenario():
        task = asyncio.create_task(forever())
        await asyncio.sleep(0)
        await end(task)
        assert task.cancelled()

    asyncio.run(scenario())
    assert missed == [True]


def test_what_a_task_failed_with_is_raised():
    async def fail():
        raise ValueError("a fault")

    async def scenario():
        task = asyncio.create_task(fail())
        await asyncio.sleep(0)
        with pytest.raises(ValueError, match="a fault"):
            await end(task)

    asyncio.run(scenario())


def test_a_task_that_has_ended_is_left_alone():
    async def scenario():
        task = asyncio.create_task(asyncio.sleep(0))
        await task
        await end(task)

    asyncio.run(scenario())
