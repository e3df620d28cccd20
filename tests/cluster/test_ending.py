import asyncio

import pytest

from cluster import ending
from cluster.ending import end


async def missing(missed: list[bool], times: int) -> None:
    """Goes on for long, and misses so many cancellations."""
    while True:
        try:
            await asyncio.sleep(5)
            return
        except asyncio.CancelledError:
            if len(missed) == times:
                raise
            missed.append(True)


def test_a_task_that_misses_its_cancellation_is_told_again(monkeypatch):
    monkeypatch.setattr(ending, "AGAIN_S", 0.01)
    missed = []

    async def scenario():
        task = asyncio.create_task(missing(missed, 1))
        await asyncio.sleep(0)
        await end(task)
        assert task.cancelled()

    asyncio.run(scenario())
    assert missed == [True]


def test_who_is_told_again_while_ending_another_does_not_leave_that_one_running(monkeypatch):
    monkeypatch.setattr(ending, "AGAIN_S", 0.01)
    missed = []

    async def scenario():
        inner = asyncio.create_task(missing(missed, 3))

        async def outer():
            try:
                await asyncio.sleep(60)
            finally:
                await end(inner)

        task = asyncio.create_task(outer())
        await asyncio.sleep(0)
        await end(task)
        assert inner.cancelled()
        assert task.cancelled()

    asyncio.run(scenario())
    assert missed == [True] * 3


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
