import asyncio
import os
import shutil
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import redis

from cluster.ending import end
from cluster.settings import Events, Store
from cluster.store.consumers import Consumers, position_key
from cluster.store.stream import Stream
from cluster.store.valkey_server import ValkeyServer
from deployments.consumers.consumer import Batching, NotNow
from deployments.consumers.metrics import ConsumerMetrics
from deployments.consumers.runner import Runner
from tests.conftest import free_port
from tests.deployments.consumers.counting import Adder
from tests.waiting import until_async

STREAM = Adder.stream
EVENTS, STATE = Events(retry_ms=50), Store(timeout_ms=2000, retry_ms=50)


class Stores:
    """Two Valkeys of one test: for the stream, and for what follows from it."""

    def __init__(self, folder: Path) -> None:
        self.events = ValkeyServer(folder / "events", Events(port=free_port()))
        self.state = ValkeyServer(folder / "state", Store(port=free_port()))

    def append(self, *numbers: int | str) -> list[str]:
        """Append numbers; returns their positions."""
        with redis.Redis.from_url(self.events.url) as client:
            pipeline = client.pipeline(transaction=False)
            for number in numbers:
                pipeline.xadd(STREAM, {"e": number})
            return [position.decode() for position in pipeline.execute()]

    def result(self, name: str = "adder") -> tuple[int, int]:
        """Sum and number of what was applied."""
        with redis.Redis.from_url(self.state.url) as client:
            return int(client.get(f"sum:{name}") or 0), int(client.get(f"count:{name}") or 0)

    def lag(self) -> int | None:
        """What the event store says of the adder's lag; None without its group."""
        with redis.Redis.from_url(self.events.url) as client, suppress(redis.ResponseError):
            return next(group["lag"] for group in client.xinfo_groups(STREAM))
        return None


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Stores]:
    stores = Stores(tmp_path)
    with stores.events, stores.state:
        yield stores


@asynccontextmanager
async def running(stores: Stores, adder: Adder) -> AsyncIterator[Consumers]:
    """The adder run; gives what reads its reports."""
    source = Stream(stores.events.url, EVENTS, STREAM, adder.name)
    async with source, Consumers(stores.state.url, STATE) as consumers:
        task = asyncio.create_task(Runner(adder, source, consumers, ConsumerMetrics(adder.name)).run())
        try:
            yield consumers
        finally:
            await end(task)
            await adder.close()


def kill(server: ValkeyServer) -> None:
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)
    while server.pid is not None:
        time.sleep(0.01)


def start_empty(server: ValkeyServer) -> None:
    """As after the loss of a disk."""
    kill(server)
    shutil.rmtree(server.folder)
    server.start()


def test_every_entry_has_its_effect_once_over_restarts(stores: Stores) -> None:
    async def scenario() -> None:
        positions = stores.append(1, 2, 3)
        async with running(stores, Adder(stores.state.url)):
            await until_async(lambda: stores.result() == (6, 3))
            positions += stores.append(10)
            await until_async(lambda: stores.result() == (16, 4))
        stores.append(100)
        async with running(stores, Adder(stores.state.url)) as consumers:
            await until_async(lambda: stores.result() == (116, 5))
            assert await consumers.position("adder") > positions[-1]

    asyncio.run(scenario())


def test_what_queued_while_it_was_down_is_caught_up_and_the_lag_is_told(stores: Stores) -> None:
    async def scenario() -> None:
        stores.append(7)
        async with running(stores, Adder(stores.state.url)):
            await until_async(lambda: stores.result() == (7, 1))
            await until_async(lambda: stores.lag() == 0)
        for _ in range(10):
            stores.append(*([1] * 10_000))
        assert stores.lag() == 100_000
        begin = time.monotonic()
        async with running(stores, Adder(stores.state.url)) as consumers:
            await until_async(lambda: stores.result() == (100_007, 100_001), 60)
            assert time.monotonic() - begin < 30
            await until_async(lambda: stores.lag() == 0)
            await asyncio.sleep(1.1)
            [report] = await consumers.reports()
            assert (report.name, report.lag, report.applied, report.poisoned) == ("adder", 0, 100_000, 0)
            assert report.waiting is None
            assert report.silent_s < 3

    asyncio.run(scenario())


@pytest.mark.parametrize("bad", ["thirteen", 13])
def test_a_poisoned_entry_is_set_aside_with_the_reason_and_the_rest_goes_on(stores: Stores, bad: int | str) -> None:
    async def scenario() -> None:
        positions = stores.append(*range(12), bad, *range(20, 70), bad)
        async with running(stores, Adder(stores.state.url)) as consumers:
            await until_async(lambda: stores.result() == (sum(range(12)) + sum(range(20, 70)), 62))
            with redis.Redis.from_url(stores.events.url) as client:
                poison = [fields for _, fields in client.xrange(f"{STREAM}:poison")]
            assert [fields[b"position"].decode() for fields in poison] == [positions[12], positions[-1]]
            assert {fields[b"consumer"] for fields in poison} == {b"adder"}
            assert all(fields[b"reason"].startswith(b"ValueError: ") for fields in poison)
            await until_async(lambda: stores.lag() == 0)
            assert await consumers.position("adder") == positions[-1]
            await asyncio.sleep(1.1)
            assert [report.poisoned for report in await consumers.reports()] == [2]

    asyncio.run(scenario())


def test_an_outage_of_either_store_is_waited_out_and_nothing_is_lost(stores: Stores) -> None:
    async def scenario() -> None:
        adder = Adder(stores.state.url, batching=Batching(entries=10))
        adder.delay_s = 0.01
        async with running(stores, adder) as consumers:
            stores.append(*([1] * 500))
            await until_async(lambda: len(adder.batches) > 5)
            kill(stores.state)
            await asyncio.sleep(0.3)
            batches = len(adder.batches)
            stores.state.start()
            await until_async(lambda: len(adder.batches) > batches + 5)
            kill(stores.events)
            await asyncio.sleep(0.3)
            stores.events.start()
            await until_async(lambda: stores.result() == (500, 500))
            assert (await consumers.position("adder")) != "0-0"

    asyncio.run(scenario())


def test_what_the_state_store_lost_is_made_again(stores: Stores) -> None:
    async def scenario() -> None:
        async with running(stores, Adder(stores.state.url)):
            positions = stores.append(*range(10))
            await until_async(lambda: stores.result() == (45, 10))
            with redis.Redis.from_url(stores.state.url) as client:
                # As after a crash that lost the last writes: effect and position together.
                client.mset({"sum:adder": 3, "count:adder": 3, position_key("adder"): positions[2]})
            await until_async(lambda: stores.result() == (45, 10))
            start_empty(stores.state)
            await until_async(lambda: stores.result() == (45, 10))

    asyncio.run(scenario())


def test_a_new_event_store_is_read_from_its_beginning(stores: Stores, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(stores, Adder(stores.state.url)):
            stores.append(1)
            await until_async(lambda: stores.result() == (1, 1))
            start_empty(stores.events)
            await until_async(lambda: stores.lag() == 0)
            stores.append(2)
            await until_async(lambda: stores.result() == (3, 2))

    async def clock_gone_back() -> None:
        with redis.Redis.from_url(stores.state.url) as client:
            client.set(position_key("adder"), f"{int(time.time() * 1000) + 3_600_000}-0")
        async with running(stores, Adder(stores.state.url)):
            await until_async(lambda: stores.lag() == 0)
            stores.append(3)
            await until_async(lambda: stores.result() == (6, 3))

    asyncio.run(scenario())
    asyncio.run(clock_gone_back())


def test_two_at_once_do_no_harm(stores: Stores) -> None:
    async def scenario() -> None:
        adders = [Adder(stores.state.url, batching=Batching(entries=7)) for _ in range(2)]
        for adder in adders:
            adder.delay_s = 0.003
        async with running(stores, adders[0]), running(stores, adders[1]):
            stores.append(*range(14, 1014))
            await until_async(lambda: stores.result()[1] >= 1000, 60)
            await asyncio.sleep(0.5)
            assert stores.result() == (sum(range(14, 1014)), 1000)

    asyncio.run(scenario())


def test_entries_are_gathered_while_it_lingers(stores: Stores) -> None:
    async def scenario() -> None:
        adder = Adder(stores.state.url, batching=Batching(entries=30, linger_s=1.0))
        async with running(stores, adder):
            for _ in range(5):
                stores.append(1, 1)
                await asyncio.sleep(0.05)
            await until_async(lambda: stores.result() == (10, 10) and len(adder.batches) > 0)
            assert adder.batches == [10]
            stores.append(*([1] * 45))
            await until_async(lambda: stores.result() == (55, 55) and len(adder.batches) > 2)
            assert adder.batches == [10, 30, 15]

    asyncio.run(scenario())


def test_an_effect_that_cannot_be_had_now_is_waited_for(stores: Stores) -> None:
    class Full(Adder):
        full = True
        tries = 0

        async def apply(self, entries: Any, position: str) -> None:
            self.tries += 1
            if self.full:
                raise NotNow("the disk is full", "Make room.")
            await super().apply(entries, position)

    async def scenario() -> None:
        adder = Full(stores.state.url)
        async with running(stores, adder) as consumers:
            stores.append(1, 2)
            await until_async(lambda: adder.tries > 3)
            await asyncio.sleep(1.2)
            [report] = await consumers.reports()
            assert (report.waiting, report.lag, report.poisoned) == ("the disk is full", 2, 0)
            assert report.pid == os.getpid()
            assert adder.tries < 30, "it does not spin"
            adder.full = False
            await until_async(lambda: stores.result() == (3, 2))
            await asyncio.sleep(1.2)
            [report] = await consumers.reports()
            assert (report.waiting, report.lag) == (None, 0)

    asyncio.run(scenario())
