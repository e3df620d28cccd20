"""The hook on real Valkeys, fed by the real runner."""

import asyncio
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import redis

from cluster.clock import Clock
from cluster.ending import end
from cluster.errors import CascadeError
from cluster.event_log import STREAM, EventLog
from cluster.events import Event, Record
from cluster.settings import Events, Settings, Store
from cluster.store.consumers import Consumers
from cluster.store.stream import Stream
from cluster.store.urls import StoreUrls
from cluster.store.valkey_server import ValkeyServer
from deployments.consumers.consumer import NotNow
from deployments.consumers.hook import HookConsumer, hook_specs, load_hook
from deployments.consumers.metrics import ConsumerMetrics
from deployments.consumers.registry import consumer_specs
from deployments.consumers.runner import Runner
from deployments.consumers.specification import Context
from tests.conftest import free_port

STORE, EVENTS = Store(timeout_ms=2000, retry_ms=50), Events(retry_ms=50)


class Bandit:
    """Keeps what it is given; refuses the first time; cannot bear user 13."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self.given = settings, clock
        self.users: list[int] = []
        self.calls = 0

    async def apply(self, records: Sequence[Record]) -> None:
        self.calls += 1
        if self.calls == 1:
            raise NotNow("the model is being exchanged", "It is waited for.")
        if any(record.user_id == 13 for record in records):
            raise ValueError("13")
        self.users += [record.user_id for record in records]


NAME = f"{__name__}:Bandit"


def hooked(name: str | None) -> Settings:
    return Settings(store=STORE, events=EVENTS.model_copy(update={"hook": name}))


async def run(urls: StoreUrls, hook: Bandit, done: Callable[[], bool]) -> None:
    consumer = HookConsumer(hook, Consumers(urls.state, STORE))
    async with Stream(urls.events, EVENTS, STREAM, "hook") as source, Consumers(urls.state, STORE) as consumers:
        task = asyncio.create_task(Runner(consumer, source, consumers, ConsumerMetrics("hook")).run())
        deadline = time.monotonic() + 30
        while not done():
            assert time.monotonic() < deadline, "it did not happen in time"
            await asyncio.sleep(0.02)
        await end(task)
    await consumer.close()


async def append(url: str, *users: int) -> None:
    async with EventLog(url, EVENTS) as log:
        await log.append([Event(event_id=f"e{u}", user_id=u, action="like", post_id=1, time_ms=1) for u in users])


def test_a_hook_gets_every_record_in_order_and_goes_on_where_it_was(tmp_path: Path) -> None:
    async def scenario(urls: StoreUrls) -> None:
        clock = Clock(-5)
        hook = load_hook(NAME)(hooked(NAME), clock)
        assert isinstance(hook, Bandit)
        assert hook.given == (hooked(NAME), clock)
        await append(urls.events, 1, 2, 13, 3)
        with redis.Redis.from_url(urls.state) as state, redis.Redis.from_url(urls.events) as log:
            await run(urls, hook, lambda: state.get("position:hook") == log.xrevrange(STREAM, count=1)[0][0])
            assert hook.users == [1, 2, 3]
            assert [fields[b"reason"] for _, fields in log.xrange(f"{STREAM}:poison")] == [b"ValueError: 13"]
            await append(urls.events, 4, 5)
            other = Bandit(Settings(), clock)
            await run(urls, other, lambda: len(other.users) == 2)
        assert other.users == [4, 5]

    with (
        ValkeyServer(tmp_path / "events", Events(port=free_port())) as events,
        ValkeyServer(tmp_path / "state", Store(port=free_port())) as state,
    ):
        asyncio.run(scenario(StoreUrls(state.url, events.url)))


def test_it_is_a_consumer_only_where_the_settings_name_one(store_server: ValkeyServer) -> None:
    assert "hook" not in {spec.name for spec in consumer_specs(hooked(None))}
    [spec] = hook_specs(hooked(NAME))
    assert spec in consumer_specs(hooked(NAME))
    context = Context(hooked(NAME), StoreUrls(store_server.url, store_server.url), 0, Clock())

    async def made() -> object:
        consumer = spec.make(context)
        await consumer.close()
        return consumer

    assert isinstance(asyncio.run(made()), HookConsumer)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nowhere.at.all:Bandit", "No module named 'nowhere'"),
        (f"{__name__}:Nobody", "Nobody"),
        (f"{__name__}", "has value"),
        ("", "has value ''"),
        (f"{__name__}:Path", "no class with a method `apply`"),
        (f"{__name__}:NAME", "no class with a method `apply`"),
    ],
)
def test_one_that_is_not_there_is_said_before_anything_starts(name: str, said: str) -> None:
    with pytest.raises(CascadeError, match=said):
        consumer_specs(hooked(name))
