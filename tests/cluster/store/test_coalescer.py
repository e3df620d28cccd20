import asyncio
from collections.abc import Sequence

import pytest

from cluster.store.coalescer import Coalescer


class Doubler:
    """A slow call that records its batches."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.finished = 0

    async def __call__(self, items: Sequence[int]) -> list[int]:
        self.batches.append(list(items))
        await asyncio.sleep(0.01)
        if -1 in items:
            raise ValueError("no -1")
        self.finished += 1
        return [2 * item for item in items]


def test_what_arrives_during_a_call_goes_out_together() -> None:
    async def scenario() -> None:
        call = Doubler()
        coalescer = Coalescer(call, limit=3)
        first = coalescer.submit(1)
        await asyncio.sleep(0.001)
        rest = [coalescer.submit(i) for i in range(2, 7)]
        assert await asyncio.gather(first, *rest) == [2, 4, 6, 8, 10, 12]
        assert call.batches == [[1], [2, 3, 4], [5, 6]]
        assert await coalescer.submit(7) == 14

    asyncio.run(scenario())


def test_cancelled_waiter_neither_stops_the_call_nor_harms_the_others() -> None:
    async def scenario() -> None:
        call = Doubler()
        coalescer = Coalescer(call, limit=8)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(coalescer.submit(1), 0.001)
        assert await coalescer.submit(2) == 4
        await coalescer.close()
        assert call.finished == len(call.batches) == 2

    asyncio.run(scenario())


def test_an_error_reaches_those_in_the_batch_only() -> None:
    async def scenario() -> None:
        coalescer = Coalescer(Doubler(), limit=2)
        answers = await asyncio.gather(*(coalescer.submit(i) for i in (1, -1, 3)), return_exceptions=True)
        assert [type(answer) for answer in answers] == [ValueError, ValueError, int]

    asyncio.run(scenario())
