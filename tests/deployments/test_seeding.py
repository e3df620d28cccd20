"""Filling a state store, new or lost, on real Valkeys, while the real users consumer runs."""

import asyncio
import os
import shutil
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
import redis

from cluster.ending import end
from cluster.event_log import STREAM, EventLog
from cluster.events import Event
from cluster.settings import Events, Settings, Store
from cluster.store.breaker import StoreUnavailable
from cluster.store.client import SEED, OnlineStore, user_key
from cluster.store.consumers import FILLING, Consumers
from cluster.store.fenced import FencedStore
from cluster.store.stream import Stream
from cluster.user_state import UserState, unpack
from deployments.consumers.metrics import ConsumerMetrics
from deployments.consumers.runner import Runner
from deployments.consumers.users import UsersConsumer
from deployments.seeding import seed_store
from deployments.stores import Stores, open_stores
from tests.conftest import free_port
from training.data.dataset import DataSet
from training.data.progress import silent
from training.data.synth.parameters import Parameters
from training.data.synth.synthesis import synthesise

STORE, EVENTS = Store(timeout_ms=2000, retry_ms=50), Events(retry_ms=50)
STRANGER = 10**9


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> list[DataSet]:
    folder = tmp_path_factory.mktemp("worlds")
    return [synthesise(Parameters(users=40, posts=200, days=3, seed=n), folder / str(n)) for n in (1, 2)]


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Stores]:
    settings = Settings(home=tmp_path, store=Store(port=free_port()), events=Events(port=free_port()))
    with open_stores(settings) as stores:
        yield stores


async def seed(stores: Stores, dataset: DataSet) -> bool:
    async with OnlineStore(stores.urls.state, STORE) as store:
        return await seed_store(store, dataset, silent)


@asynccontextmanager
async def consuming(stores: Stores) -> AsyncIterator[None]:
    """The users consumer run beside the block."""
    users = UsersConsumer(FencedStore(stores.urls.state, STORE, "users"), 0)
    source = Stream(stores.urls.events, EVENTS, STREAM, "users")
    async with source, Consumers(stores.urls.state, STORE) as consumers:
        task = asyncio.create_task(Runner(users, source, consumers, ConsumerMetrics("users")).run())
        try:
            yield
        finally:
            await end(task)
            await users.close()


def event(n: int, user: int, dataset: DataSet) -> Event:
    time_ms = dataset.manifest.end_ms + n
    return Event(event_id=f"{user}-{n}", user_id=user, post_id=n, author_id=1, action="impression", time_ms=time_ms)


async def append(stores: Stores, events: list[Event]) -> None:
    async with EventLog(stores.urls.events, EVENTS) as log:
        await log.append(events)


async def caught_up(stores: Stores) -> None:
    deadline = time.monotonic() + 60
    with redis.Redis.from_url(stores.urls.state) as state, redis.Redis.from_url(stores.urls.events) as log:
        while state.get("position:users") != log.xrevrange(STREAM, count=1)[0][0]:
            assert time.monotonic() < deadline, "the users consumer did not get there"
            await asyncio.sleep(0.02)


def state_of(stores: Stores, user: int) -> UserState:
    with redis.Redis.from_url(stores.urls.state) as client:
        blob = client.get(user_key(user))
    return unpack(blob) if blob else UserState()


def first_user(dataset: DataSet) -> int:
    user: int = dataset.read("users", ["user_id"])["user_id"][0].as_py()
    return user


def lose_state(stores: Stores) -> None:
    """As after the loss of a disk: the server is gone, and comes back empty."""
    server = stores.state_server
    assert server is not None
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)
    while server.pid is not None:
        time.sleep(0.01)
    shutil.rmtree(server.folder)
    assert stores.revive()


def test_a_lost_store_is_filled_again_and_events_count_once_on_top(stores: Stores, worlds: list[DataSet]) -> None:
    world = worlds[0]
    known = first_user(world)

    async def scenario() -> None:
        assert await seed(stores, world)
        assert not await seed(stores, world), "it was filled with it before"
        async with consuming(stores):
            await append(stores, [event(n, user, world) for n in range(50) for user in (known, STRANGER)])
            await caught_up(stores)
            before = [state_of(stores, user) for user in (known, STRANGER)]
            lose_state(stores)
            await caught_up(stores)  # it has applied all to the empty store, which must not count twice
            assert state_of(stores, STRANGER) == before[1]
            assert state_of(stores, known) != before[0]
            assert await seed(stores, world)
            await caught_up(stores)
        assert [state_of(stores, user) for user in (known, STRANGER)] == before
        assert len(before[1].events) == 50

    asyncio.run(scenario())


def test_another_data_set_replaces_the_first_and_keeps_the_events(stores: Stores, worlds: list[DataSet]) -> None:
    known = first_user(worlds[1])

    async def scenario() -> None:
        await seed(stores, worlds[1])
        async with consuming(stores):
            await append(stores, [event(n, user, worlds[1]) for n in range(20) for user in (known, STRANGER)])
            await caught_up(stores)
            expected = [state_of(stores, user) for user in (known, STRANGER)]
            assert await seed(stores, worlds[0])
            await caught_up(stores)
            assert state_of(stores, STRANGER) == expected[1]
            assert await seed(stores, worlds[1])
            await caught_up(stores)
        assert [state_of(stores, user) for user in (known, STRANGER)] == expected

    asyncio.run(scenario())


def test_what_a_data_set_was_made_from_is_not_applied_to_it_again(stores: Stores, worlds: list[DataSet]) -> None:
    async def scenario() -> None:
        await append(stores, [event(n, STRANGER, worlds[0]) for n in range(5)])
        with redis.Redis.from_url(stores.urls.events) as log:
            position = log.xrange(STREAM)[2][0].decode()
        manifest = worlds[0].manifest
        source = manifest.source | {"log_position": position}
        archived = DataSet(worlds[0].folder, msgspec.structs.replace(manifest, source=source))
        assert await seed(stores, archived)
        async with consuming(stores):
            await caught_up(stores)
        assert state_of(stores, STRANGER).events["post_id"].tolist() == [3, 4]

    asyncio.run(scenario())


def test_consumers_wait_while_it_is_filled_and_a_fill_that_broke_off_is_begun_again(
    stores: Stores, worlds: list[DataSet]
) -> None:
    class Broken(Exception):
        pass

    def break_off(step: str, done: int, total: int) -> None:
        raise Broken

    async def scenario() -> None:
        await seed(stores, worlds[0])
        async with OnlineStore(stores.urls.state, STORE) as store:
            with pytest.raises(Broken):
                await seed_store(store, worlds[1], break_off)
        with redis.Redis.from_url(stores.urls.state) as client:
            assert client.get("position:users") == client.get("position:posts") == FILLING.encode()
            assert client.get(SEED) is None
        users = FencedStore(stores.urls.state, STORE, "users")
        with pytest.raises(StoreUnavailable, match="is being filled"):
            await users.position()
        await users.close()
        async with consuming(stores):
            await append(stores, [event(1, STRANGER, worlds[0])])
            await asyncio.sleep(0.5)
            assert state_of(stores, STRANGER) == UserState()
            assert await seed(stores, worlds[0])
            await caught_up(stores)
        assert len(state_of(stores, STRANGER).events) == 1

    asyncio.run(scenario())
