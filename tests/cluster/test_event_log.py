import asyncio
import os
import random
import signal
from pathlib import Path

import pytest
import redis

from cluster.event_log import EventLog
from cluster.events import Event, decode_event
from cluster.settings import Store
from cluster.store.breaker import StoreUnavailable
from cluster.store.client import STREAM, OnlineStore
from cluster.store.valkey_server import ValkeyServer
from tests.conftest import free_port


def event(event_id: str) -> Event:
    return Event(event_id=event_id, user_id=1, post_id=2, action="impression", time_ms=3)


def stored(server: ValkeyServer) -> list[tuple[str, Event]]:
    """All events of the log with their positions."""
    with redis.Redis.from_url(server.url) as client:
        return [(position.decode(), decode_event(fields[b"e"])) for position, fields in client.xrange(STREAM)]


@pytest.fixture
def server(tmp_path: Path) -> ValkeyServer:
    return ValkeyServer(tmp_path, Store(port=free_port()))


def test_events_keep_their_order_and_repeats_are_dropped(server: ValkeyServer) -> None:
    async def scenario() -> None:
        async with OnlineStore(server.url, Store()) as store:
            log = EventLog(store)
            first = [event(f"a{i}") for i in range(10)]
            appended = await log.append(first)
            assert stored(server) == list(zip((a.position for a in appended), first, strict=True))
            repeated = await log.append([event("a3"), event("b"), event("b")])
            assert [a.new for a in repeated] == [False, True, False]
            assert repeated[0].position == appended[3].position
            assert len(stored(server)) == 11

    with server:
        asyncio.run(scenario())


def test_a_full_batch_is_appended_once_by_concurrent_senders(server: ValkeyServer) -> None:
    async def scenario() -> None:
        async with OnlineStore(server.url, Store()) as store:
            log = EventLog(store)
            batch = [event(f"e{i}") for i in range(1000)]
            acks = await asyncio.gather(*(log.append(batch) for _ in range(4)))
            assert [sum(ack.new for ack in column) for column in zip(*acks, strict=True)] == [1] * 1000
            assert [e for _, e in stored(server)] == batch

    with server:
        asyncio.run(scenario())


def test_what_was_acknowledged_survives_kill_9(server: ValkeyServer) -> None:
    acknowledged: dict[str, str] = {}

    async def client(store: OnlineStore, name: int) -> None:
        """Sends until the store is gone, repeating an event now and then."""
        log = EventLog(store)
        for i in range(100_000):
            event_id = f"{name}-{i if random.random() < 0.8 else max(0, i - 1)}"
            [ack] = await log.append([event(event_id)])
            assert acknowledged.setdefault(event_id, ack.position) == ack.position

    async def scenario() -> None:
        async with OnlineStore(server.url, Store()) as store:
            clients = [asyncio.create_task(client(store, name)) for name in range(8)]
            while len(acknowledged) < 500:
                await asyncio.sleep(0.005)
            assert server.pid is not None
            os.kill(server.pid, signal.SIGKILL)
            outcomes = await asyncio.gather(*clients, return_exceptions=True)
            assert all(isinstance(outcome, StoreUnavailable) for outcome in outcomes), outcomes

    with server:
        asyncio.run(scenario())
        server.start()
        found = {e.event_id: position for position, e in stored(server)}
        assert len(found) == len(stored(server))
        assert {event_id: found.get(event_id) for event_id in acknowledged} == acknowledged


def test_a_killed_server_is_unavailable_and_resending_is_safe(server: ValkeyServer) -> None:
    async def scenario() -> None:
        async with OnlineStore(server.url, Store(retry_ms=50)) as store:
            log = EventLog(store)
            batch = [event(str(i)) for i in range(5)]
            await log.append(batch[:3])
            server.stop()
            with pytest.raises(StoreUnavailable) as gone:
                await log.append(batch)
            assert gone.value.retry_ms == 50
            server.start()
            await asyncio.sleep(0.1)
            assert [a.new for a in await log.append(batch)] == [False] * 3 + [True] * 2

    with server:
        asyncio.run(scenario())
