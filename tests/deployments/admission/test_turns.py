import asyncio
from contextlib import suppress

import pytest

from cluster.settings import Serving
from deployments.admission.admission import Admission, TooBusy
from deployments.admission.turns import Turns


async def has_turns(turns: Turns, name: str, order: list[str], back: bool = False) -> None:
    async with turns.one(back):
        order.append(name)
        await asyncio.sleep(0)


def test_who_comes_back_goes_first_and_the_others_as_they_came():
    async def scenario():
        turns, order = Turns(), []
        async with turns.one():
            waiting = [asyncio.create_task(has_turns(turns, name, order)) for name in "ab"]
            waiting += [asyncio.create_task(has_turns(turns, name, order, back=True)) for name in "xy"]
            await asyncio.sleep(0)
        await asyncio.gather(*waiting)
        assert not turns.held
        return order

    assert asyncio.run(scenario()) == ["x", "y", "a", "b"]


def test_a_turn_that_nobody_takes_any_more_goes_on():
    """Also where it was handed to who is cancelled in the same round of the loop."""

    async def scenario():
        turns, order = Turns(), []
        async with turns.one():
            tasks = [asyncio.create_task(has_turns(turns, name, order)) for name in "abc"]
            await asyncio.sleep(0)
            tasks[0].cancel()
        tasks[1].cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task
        assert not turns.held
        return order

    assert asyncio.run(scenario()) == ["c"]


def test_while_a_feed_waits_for_others_it_is_the_turn_of_the_next():
    admission, order = Admission(Serving()), []

    def feed(name, asked):
        order.append(f"{name} begins")
        answer = yield asked
        order.append(f"{name} got {answer}")
        return name

    async def scenario():
        loop = asyncio.get_running_loop()
        answers = [loop.create_future() for _ in range(2)]

        async def ask(name, asked):
            with admission.visit(10.0) as visit:
                return await visit.run(feed(name, asked))

        tasks = [asyncio.create_task(ask(name, asked)) for name, asked in zip("ab", answers, strict=True)]
        while len(order) < 2:
            await asyncio.sleep(0)
        answers[1].set_result(1)
        answers[0].set_result(0)
        return await asyncio.gather(*tasks)

    assert asyncio.run(scenario()) == ["a", "b"]
    assert order[:2] == ["a begins", "b begins"]
    assert sorted(order[2:]) == ["a got 0", "b got 1"]
    assert admission.service.mean > 0


def test_what_a_feed_waits_for_is_part_of_what_the_next_one_is_predicted_to_take():
    now = 0.0
    admission = Admission(Serving(), lambda: now)

    async def elsewhere():
        nonlocal now
        now += 0.1

    def feed():
        yield elsewhere()

    async def scenario():
        with admission.visit(1.0) as visit:
            await visit.run(feed())
        with admission.visit(1.0), pytest.raises(TooBusy):
            admission.visit(0.1)

    asyncio.run(scenario())


def test_an_error_of_what_is_waited_for_comes_to_the_feed():
    async def broken():
        raise ValueError("no")

    def feed():
        try:
            yield broken()
        except ValueError as error:
            return str(error)

    async def scenario():
        with Admission(Serving()).visit(1.0) as visit:
            return await visit.run(feed())

    assert asyncio.run(scenario()) == "no"
