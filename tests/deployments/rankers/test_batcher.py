import asyncio
import threading

import pytest

from deployments.rankers.batcher import Batcher, Expired


class Device:
    """Runs a batch when it is told to, and notes which."""

    def __init__(self):
        self.batches, self.free = [], threading.Semaphore(0)

    def run(self, questions):
        self.batches.append(list(questions))
        assert self.free.acquire(timeout=10)
        if "bad" in questions:
            raise ValueError("bad")
        return [question * 2 for question in questions]


def scenario(run):
    async def whole():
        device = Device()
        batcher = Batcher(device.run, 4)

        async def begun(batches):
            async with asyncio.timeout(10):
                while len(device.batches) < batches:
                    await asyncio.sleep(0.001)

        def ask(*questions, left_s=10.0):
            return [asyncio.create_task(batcher.ask(question, left_s)) for question in questions]

        try:
            await run(device, ask, begun)
        finally:
            for _ in range(10):
                device.free.release()
            await batcher.close()

    asyncio.run(whole())


def test_one_alone_does_not_wait_and_the_next_batch_is_all_that_queued_meanwhile():
    async def run(device, ask, begun):
        first = ask("a")
        await begun(1)
        later = ask("b", "c", "d", "e", "f")
        await asyncio.sleep(0.02)
        assert device.batches == [["a"]]
        for batches in (2, 3):
            device.free.release()
            await begun(batches)
        assert device.batches == [["a"], ["b", "c", "d", "e"], ["f"]]
        device.free.release()
        assert await asyncio.gather(*first, *later) == ["aa", "bb", "cc", "dd", "ee", "ff"]

    scenario(run)


def test_who_is_too_late_or_gone_never_reaches_the_device():
    async def run(device, ask, begun):
        first = ask("a")
        await begun(1)
        [late] = ask("late", left_s=0.01)
        [gone, kept] = ask("gone", "kept")
        await asyncio.sleep(0.03)
        gone.cancel()
        device.free.release()
        await begun(2)
        assert device.batches == [["a"], ["kept"]]
        device.free.release()
        assert await asyncio.gather(*first, kept) == ["aa", "keptkept"]
        with pytest.raises(Expired):
            await late

    scenario(run)


def test_a_batch_that_fails_fails_alone():
    async def run(device, ask, begun):
        [bad] = ask("bad")
        await begun(1)
        [good] = ask("good")
        device.free.release()
        with pytest.raises(ValueError, match="bad"):
            await bad
        device.free.release()
        assert await good == "goodgood"

    scenario(run)
