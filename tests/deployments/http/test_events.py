"""POST /v1/events over real HTTP, with a real event store."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import numpy as np
import pytest
import redis

from cluster.clock import Clock
from cluster.event_log import STREAM, EventLog
from cluster.events import Event, decode_record
from cluster.settings import Events
from cluster.store.stream import Stream
from cluster.store.valkey_server import ValkeyServer
from deployments.api.events import EventService
from deployments.api.pressure import Pressure
from tests.conftest import free_port
from tests.deployments.apis import api_of, http_session

MAX_LAG = 2000
CLOCK = Clock(-1_000_000)


class Posts:
    """Post n is of author n + 100, as long as n < 50."""

    def authors_and_topics(self, post_ids):
        return post_ids + 100, post_ids < 50, ["cats"] * len(post_ids)


@dataclass(frozen=True)
class Served:
    session: aiohttp.ClientSession
    log: EventLog
    pressure: Pressure

    async def post(self, body: Any) -> tuple[int, Any, Any]:
        async with self.session.post("/v1/events", json=body) as answer:
            return answer.status, await answer.json(), answer.headers


@asynccontextmanager
async def serve(url: str, **settings: Any) -> AsyncIterator[Served]:
    async with EventLog(url, Events(retry_ms=2000, **settings)) as log:
        pressure = Pressure(log, MAX_LAG)
        async with http_session(api_of(events=EventService(log, pressure, CLOCK, Posts))) as session:
            yield Served(session, log, pressure)


@pytest.fixture
def server(tmp_path):
    with ValkeyServer(tmp_path, Events(port=free_port())) as server:
        yield server


def stored(server) -> list[Event]:
    with redis.Redis.from_url(server.url) as client:
        return [decode_record(fields[b"e"]) for _, fields in client.xrange(STREAM)]


def event(number: int, **fields: Any) -> dict[str, Any]:
    return {"event_id": f"e{number}", "user_id": 1, "post_id": number % 50, "action": "like", **fields}


def test_events_are_completed_and_stored_once_and_bad_ones_are_named(server):
    async def scenario():
        async with serve(server.url) as served:
            before = CLOCK.now_ms()
            events = [
                event(1),
                event(2, action="adore"),
                event(3, action="block", user_id=103),
                event(4, post_id=70, device="ios"),
            ]
            status, answer, _ = await served.post({"events": events})
            assert (status, answer["accepted"], answer["repeated"]) == (200, 2, 0)
            assert [error["field"] for error in answer["errors"]] == ["events[1].action", "events[2].author_id"]
            first, second = stored(server)
            assert (first.author_id, first.topic) == (101, "cats")
            assert before <= first.time_ms <= CLOCK.now_ms()
            assert (second.author_id, second.topic, second.device) == (None, None, "ios")
            status, answer, _ = await served.post(event(4))
            assert (status, answer["accepted"], answer["repeated"]) == (200, 1, 1)
            assert len(stored(server)) == 2
            status, answer, _ = await served.post(event(5, time_ms=CLOCK.now_ms() + 400_000))
            assert (status, answer["error"]["field"]) == (400, "time_ms")

    asyncio.run(scenario())


def test_events_are_refused_while_a_consumer_is_behind(server):
    async def scenario():
        async with serve(server.url) as served, Stream(server.url, Events(), STREAM, "slow") as slow:
            await slow.begin("0-0")
            await served.post({"events": [event(i) for i in range(1000)]})
            await served.pressure.look()
            assert (await served.post({"events": [event(i) for i in range(1000, 2000)]}))[0] == 200
            assert (await served.post(event(2000)))[0] == 200
            await served.pressure.look()
            status, answer, headers = await served.post(event(2001))
            assert (status, answer["error"]["field"], headers["Retry-After"]) == (429, "events", "2")
            assert "slow is 2001 events behind" in answer["error"]["message"]
            assert len(stored(server)) == 2001
            await slow.tell(stored_position(server, 500), 500)
            await served.pressure.look()
            assert (await served.post(event(2001)))[0] == 200

    asyncio.run(scenario())


def stored_position(server, number: int) -> str:
    with redis.Redis.from_url(server.url) as client:
        return client.xrange(STREAM, count=number)[-1][0].decode()


def test_the_lag_is_looked_up_twice_a_second_and_not_by_requests(server):
    async def scenario():
        async with serve(server.url) as served:
            with redis.Redis.from_url(server.url) as client:

                def looks() -> int:
                    return int(client.info("commandstats").get("cmdstat_xinfo|groups", {}).get("calls", 0))

                for i in range(20):
                    assert (await served.post(event(i)))[0] == 200
                assert looks() == 0
                served.pressure.start()
                await asyncio.sleep(2.2)
                assert 2 <= looks() <= 6

    asyncio.run(scenario())


def test_a_store_that_is_gone_is_said_at_once_with_the_time_to_try_again(server):
    async def scenario():
        async with serve(server.url) as served:
            assert (await served.post(event(1)))[0] == 200
            server.stop()
            begin = time.monotonic()
            for _ in range(10):
                status, answer, headers = await served.post(event(2))
                assert (status, answer["error"]["field"], headers["Retry-After"]) == (503, "store", "2")
            assert time.monotonic() - begin < 1
            server.start()
            await asyncio.sleep(2.1)
            assert (await served.post(event(2)))[0] == 200
            assert len(stored(server)) == 2

    asyncio.run(scenario())


def test_batches_of_a_thousand_pass_quickly_with_an_fsync_each(server):
    async def scenario() -> float:
        async with serve(server.url) as served:
            rng = np.random.default_rng(0)
            bodies = [
                {
                    "events": [
                        event(batch * 1000 + i, user_id=int(rng.integers(10**6)), request_id="r" * 32, position=i % 50)
                        for i in range(1000)
                    ]
                }
                for batch in range(20)
            ]
            begin = time.monotonic()
            for answers in [await asyncio.gather(*(served.post(body) for body in bodies[i::4])) for i in range(4)]:
                assert [(status, answer["accepted"]) for status, answer, _ in answers] == [(200, 1000)] * 5
            return 20_000 / (time.monotonic() - begin)

    rate = asyncio.run(scenario())
    with redis.Redis.from_url(server.url) as client:
        assert client.config_get("appendfsync") == {"appendfsync": "always"}
        assert client.xlen(STREAM) == 20_000
    assert rate > 2500, "17,000 on an idle machine"
