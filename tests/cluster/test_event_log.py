import asyncio
import os
import random
import signal
import time
from pathlib import Path

import pytest
import redis

from cluster.event_log import STREAM, EventLog, Positions
from cluster.events import Event, Profile, Record, decode_record
from cluster.settings import Events
from cluster.store.breaker import StoreUnavailable
from cluster.store.valkey_server import ValkeyServer
from tests.conftest import free_port


def event(event_id: str) -> Event:
    return Event(event_id=event_id, user_id=1, post_id=2, action="impression", time_ms=3)


def stored(server: ValkeyServer) -> list[tuple[str, Record]]:
    """All records of the log with their positions."""
    with redis.Redis.from_url(server.url) as client:
        return [(position.decode(), decode_record(fields[b"e"])) for position, fields in client.xrange(STREAM)]


@pytest.fixture
def server(tmp_path: Path) -> ValkeyServer:
    return ValkeyServer(tmp_path, Events(port=free_port()))


def test_events_keep_their_order_and_repeats_are_dropped(server: ValkeyServer) -> None:
    async def scenario() -> None:
        async with EventLog(server.url, Events()) as log:
            assert await log.positions() == Positions(0, "0-0")
            assert await log.append([]) == []
            first = [event(f"a{i}") for i in range(10)]
            positions = await log.append(first)
            assert stored(server) == list(zip(positions, first, strict=True))
            assert await log.positions() == Positions(10, str(positions[-1]))
            repeated = await log.append([event("a3"), event("b"), event("b")])
            assert [position is None for position in repeated] == [True, False, True]
            assert len(stored(server)) == 11

    with server:
        asyncio.run(scenario())


def test_records_without_an_id_are_always_new(server: ValkeyServer) -> None:
    async def scenario() -> None:
        async with EventLog(server.url, Events()) as log:
            profile = Profile(user_id=1, time_ms=2, region="north")
            assert None not in await log.append([profile, profile])
            assert [record for _, record in stored(server)] == [profile, profile]

    with server:
        asyncio.run(scenario())


def test_ids_are_remembered_for_two_days_and_take_little_memory(server: ValkeyServer) -> None:
    async def scenario() -> None:
        async with EventLog(server.url, Events()) as log:
            await log.append([event("a"), event("b")])
            with redis.Redis.from_url(server.url) as client:
                keys = list(client.scan_iter("{events}:ids:*"))
                assert [2 * 86_400 < client.ttl(key) <= 3 * 86_400 for key in keys] == [True, True]
                for age, repeated in ((1, True), (2, True), (3, False)):
                    for key in list(client.scan_iter("{events}:ids:*")):
                        _, _, day, shard = key.decode().split(":")
                        client.rename(key, f"{{events}}:ids:{int(day) - 1}:{shard}")
                    assert [p is None for p in await log.append([event("a"), event("b")])] == [repeated] * 2, age
                client.sadd("{events}:ids:0:0", *(i * 2**39 for i in range(500)))
                assert client.object("encoding", "{events}:ids:0:0") == b"intset"
                assert client.memory_usage("{events}:ids:0:0") < 12 * 500

    with server:
        asyncio.run(scenario())


def test_a_full_batch_is_appended_once_by_concurrent_senders(server: ValkeyServer) -> None:
    async def scenario() -> None:
        async with EventLog(server.url, Events()) as log:
            batch = [event(f"e{i}") for i in range(1000)]
            acks = await asyncio.gather(*(log.append(batch) for _ in range(4)))
            assert [sum(ack is not None for ack in column) for column in zip(*acks, strict=True)] == [1] * 1000
            assert [e for _, e in stored(server)] == batch

    with server:
        asyncio.run(scenario())


def test_what_was_acknowledged_survives_kill_9(server: ValkeyServer) -> None:
    acknowledged: dict[str, str] = {}

    async def client(log: EventLog, name: int) -> None:
        """Sends until the store is gone, repeating an event now and then."""
        for i in range(100_000):
            event_id = f"{name}-{i if random.random() < 0.8 else max(0, i - 1)}"
            [position] = await log.append([event(event_id)])
            assert (position is None) == (event_id in acknowledged)
            acknowledged.setdefault(event_id, str(position))

    async def scenario() -> None:
        async with EventLog(server.url, Events()) as log:
            clients = [asyncio.create_task(client(log, name)) for name in range(8)]
            while len(acknowledged) < 500:
                await asyncio.sleep(0.005)
            assert server.pid is not None
            os.kill(server.pid, signal.SIGKILL)
            outcomes = await asyncio.gather(*clients, return_exceptions=True)
            assert all(isinstance(outcome, StoreUnavailable) for outcome in outcomes), outcomes

    with server:
        asyncio.run(scenario())
        while server.pid is not None:  # its connections end before it does
            time.sleep(0.01)
        server.start()
        found = {e.event_id: position for position, e in stored(server) if isinstance(e, Event)}
        assert len(found) == len(stored(server))
        assert {event_id: found.get(event_id) for event_id in acknowledged} == acknowledged


def test_a_killed_server_is_unavailable_and_resending_is_safe(server: ValkeyServer) -> None:
    async def scenario() -> None:
        async with EventLog(server.url, Events(retry_ms=50)) as log:
            batch = [event(str(i)) for i in range(5)]
            await log.append(batch[:3])
            server.stop()
            with pytest.raises(StoreUnavailable, match="event store") as gone:
                await log.append(batch)
            assert gone.value.retry_ms == 50
            server.start()
            await asyncio.sleep(0.1)
            assert [position is None for position in await log.append(batch)] == [True] * 3 + [False] * 2

    with server:
        asyncio.run(scenario())


def test_a_full_store_refuses_events_and_takes_them_later(server: ValkeyServer) -> None:
    async def scenario() -> None:
        async with EventLog(server.url, Events()) as log:
            with redis.Redis.from_url(server.url) as client:
                client.config_set("maxmemory", 1)
                with pytest.raises(StoreUnavailable, match=r"refuses.*maxmemory"):
                    await log.append([event("a")])
                client.config_set("maxmemory", 0)
            assert await log.append([event("a")]) != [None]

    with server:
        asyncio.run(scenario())
