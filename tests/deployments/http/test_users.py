"""The routes over real HTTP, with both stores; states are written as the users consumer would."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any

import aiohttp
import numpy as np
import pytest
import redis.asyncio

from cluster.clock import Clock
from cluster.event_log import STREAM, EventLog
from cluster.events import Erasure, Event, Profile, Record, decode_record
from cluster.settings import Events, Store
from cluster.store.client import OnlineStore
from cluster.store.consumers import Consumers, position_key
from cluster.user_state import UserState, pack
from deployments.api.pressure import Pressure
from deployments.api.users import UserService
from deployments.consumers.users import UsersConsumer
from tests.deployments.apis import api_of, http_session

#: Stores are shared: each test has users of its own.
USERS = count(7_000_000, 10)
#: Longer than any busy machine takes.
STATE, EVENTS = Store(timeout_ms=5000), Events(timeout_ms=5000)


@dataclass(frozen=True)
class Served:
    """The routes behind a real socket."""

    session: aiohttp.ClientSession
    log: EventLog
    store: OnlineStore
    state: redis.asyncio.Redis
    events: redis.asyncio.Redis
    pressure: Pressure
    clock: Clock

    async def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        async with self.session.request(method, f"/v1/users/{path}", json=body) as answer:
            return answer.status, await answer.json()

    async def records(self, user: int) -> list[Record]:
        """What the log holds of a user."""
        stored = [decode_record(fields[b"e"]) for _, fields in await self.events.xrange(STREAM)]
        return [record for record in stored if record.user_id == user]

    async def apply_all(self) -> None:
        """Say that the users consumer has applied everything."""
        await self.state.set(position_key(UsersConsumer.name), (await self.log.positions()).last)

    async def relate(self, user: int, **lists: list[int]) -> None:
        """Store a user with these lists of ids."""
        packed = {name: np.array(ids, np.int64).tobytes() for name, ids in lists.items()}
        await self.store.write_users({user: pack(UserState(**packed))})


@asynccontextmanager
async def serve(state_url: str, events_url: str) -> AsyncIterator[Served]:
    clock = Clock(-1_000_000)
    async with (
        EventLog(events_url, EVENTS) as log,
        OnlineStore(state_url, STATE) as store,
        Consumers(state_url, STATE) as consumers,
        redis.asyncio.Redis.from_url(state_url, protocol=2) as state,
        redis.asyncio.Redis.from_url(events_url, protocol=2) as events,
    ):
        pressure = Pressure(log, 1000)
        service = UserService(log, pressure, store, consumers, clock, lambda: ["cats"])
        async with http_session(api_of(users=service), 1000) as session:
            yield Served(session, log, store, state, events, pressure, clock)


@pytest.fixture
def urls(store_server, event_server):
    return store_server.url, event_server.url


def test_a_profile_is_appended(urls):
    async def scenario():
        user = next(USERS)
        async with serve(*urls) as served:
            before = served.clock.now_ms()
            status, answer = await served.ask("PUT", f"{user}", {"followers": 3, "region": "north"})
            [record] = await served.records(user)
            assert (status, answer) == (200, {"log_position": (await served.log.positions()).last})
            assert before <= record.time_ms <= served.clock.now_ms()
            assert record == Profile(user_id=user, time_ms=record.time_ms, followers=3, region="north")

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("body", "field", "value"),
    [
        ({"followers": -1}, "followers", -1),
        ({"followers": 2**63}, "followers", 2**63),
        ({"region": "x" * 65}, "region", "x" * 65),
        ({"age": 30}, "age", 30),
        ({"created_ms": 4_000_000_000_000}, "created_ms", 4_000_000_000_000),
        ([], "body", []),
    ],
)
def test_a_bad_profile_is_refused_by_field_and_value(urls, body, field, value):
    async def scenario():
        user = next(USERS)
        async with serve(*urls) as served:
            status, answer = await served.ask("PUT", f"{user}", body)
            assert (status, answer["error"]["field"], answer["error"]["value"]) == (400, field, value)
            assert answer["error"]["message"]
            assert await served.records(user) == []

    asyncio.run(scenario())


def test_relations_begin_and_end_as_events(urls):
    async def scenario():
        user = next(USERS)
        async with serve(*urls) as served:
            for kind in ("follow", "close_friend", "block", "mute"):
                status, answer = await served.ask("PUT", f"{user}/relations/{kind}/5")
                assert (status, list(answer)) == (200, ["log_position"])
            await served.relate(user, following_ids=[4, 5], close_ids=[5], blocked_ids=[5], muted_ids=[5])
            told = {"follow": [4, 5], "close_friend": [5], "block": [5], "mute": [5]}
            assert await served.ask("GET", f"{user}/relations") == (200, told)
            for kind in ("follow", "close_friend", "block", "mute"):
                assert (await served.ask("DELETE", f"{user}/relations/{kind}/5"))[0] == 200
            records = await served.records(user)
        begun = ["follow", "close_friend", "block", "mute"]
        assert [record.action for record in records] == begun + [f"un{kind}" for kind in begun]
        assert {record.author_id for record in records} == {5}
        assert len({record.event_id for record in records}) == 8
        assert all(isinstance(record, Event) for record in records)

    asyncio.run(scenario())


def test_a_relation_that_is_not_there_cannot_end(urls):
    async def scenario():
        user = next(USERS)
        async with serve(*urls) as served:
            await served.relate(user, following_ids=[4])
            await served.apply_all()
            status, answer = await served.ask("DELETE", f"{user}/relations/follow/5")
            assert (status, answer["error"]["field"], answer["error"]["value"]) == (404, "author_id", 5)
            assert await served.records(user) == []

    asyncio.run(scenario())


def test_a_relation_that_was_just_begun_can_end_before_it_shows(urls):
    async def scenario():
        user = next(USERS)
        async with serve(*urls) as served:
            await served.apply_all()
            await served.ask("PUT", f"{user}/relations/block/5")
            ending = asyncio.create_task(served.ask("DELETE", f"{user}/relations/block/5"))
            await asyncio.sleep(0.1)
            await served.relate(user, blocked_ids=[5])
            await served.apply_all()
            assert (await ending)[0] == 200
            assert [record.action for record in await served.records(user)] == ["block", "unblock"]

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("method", "path", "field", "value"),
    [
        ("PUT", "1/relations/like/5", "kind", "like"),
        ("DELETE", "1/relations/blocked_by/5", "kind", "blocked_by"),
        ("PUT", "1/relations/block/1", "author_id", 1),
        ("PUT", "x/relations/block/1", "user_id", "x"),
        ("DELETE", "1/relations/block/-5", "author_id", "-5"),
        ("GET", "9223372036854775808/relations", "user_id", "9223372036854775808"),
        ("GET", "%D9%A3/state", "user_id", "\u0663"),
        ("PUT", "9" * 5000, "user_id", "9" * 100),
        ("DELETE", "1.5", "user_id", "1.5"),
    ],
)
def test_a_bad_path_is_refused_by_field_and_value(urls, method, path, field, value):
    async def scenario():
        async with serve(*urls) as served:
            status, answer = await served.ask(method, path)
            assert (status, answer["error"]["field"], answer["error"]["value"]) == (400, field, value)
            assert answer["error"]["message"]

    asyncio.run(scenario())


def test_a_user_of_whom_nothing_is_stored(urls):
    async def scenario():
        user = next(USERS)
        async with serve(*urls) as served:
            nobody = {"follow": [], "close_friend": [], "block": [], "mute": []}
            assert await served.ask("GET", f"{user}/relations") == (200, nobody)
            status, answer = await served.ask("GET", f"{user}/state")
            assert (status, answer["error"]["field"], answer["error"]["value"]) == (404, "user_id", user)

    asyncio.run(scenario())


def test_what_is_stored_is_told(urls):
    async def scenario():
        user = next(USERS)
        async with serve(*urls) as served:
            await served.relate(user, blocked_ids=[8])
            status, answer = await served.ask("GET", f"{user}/state")
            assert (status, answer["user_id"], answer["relations"]["block"]) == (200, user, [8])

    asyncio.run(scenario())


@pytest.mark.parametrize("blob", [b"rubbish", pack(UserState())[:-1], pack(UserState(muted_ids=b"12345"))])
def test_what_cannot_be_read_is_said_to_be_so(urls, blob):
    async def scenario():
        user = next(USERS)
        async with serve(*urls) as served:
            await served.store.write_users({user: blob})
            for path in (f"{user}/state", f"{user}/relations"):
                status, answer = await served.ask("GET", path)
                assert (status, answer["error"]["field"], answer["error"]["value"]) == (409, "user_id", user)
                assert "cannot be read" in answer["error"]["message"]
            # Whether the relation is there is not known; ending it does no harm.
            assert (await served.ask("DELETE", f"{user}/relations/mute/5"))[0] == 200

    asyncio.run(scenario())


def test_an_erasure_is_answered_once_it_is_applied(urls):
    async def scenario():
        user = next(USERS)
        async with serve(*urls) as served:
            erasing = asyncio.create_task(served.ask("DELETE", f"{user}"))
            while not await served.records(user):
                await asyncio.sleep(0.01)
            assert not erasing.done()
            await served.apply_all()
            status, answer = await erasing
            [record] = await served.records(user)
            assert isinstance(record, Erasure)
            assert (status, answer["erased"]) == (200, True)
            assert answer["log_position"] == (await served.log.positions()).last
            assert f"cascade data forget --user {user}" in answer["archive"]

    asyncio.run(scenario())


def test_an_erasure_that_nobody_applies_is_accepted(urls, monkeypatch):
    monkeypatch.setattr("deployments.api.users.PATIENCE_S", 0.1)

    async def scenario():
        async with serve(*urls) as served:
            status, answer = await served.ask("DELETE", f"{next(USERS)}")
            assert (status, answer["erased"]) == (202, False)

    asyncio.run(scenario())


def test_consumers_that_are_behind_hold_up_everything_but_erasures(urls, monkeypatch):
    monkeypatch.setattr("deployments.api.users.PATIENCE_S", 0.1)

    async def scenario():
        user = next(USERS)
        async with serve(*urls) as served:
            served.pressure.reason = "consumer users is 5000 events behind"
            for method, path in (("PUT", f"{user}"), ("PUT", f"{user}/relations/block/5")):
                async with served.session.request(method, f"/v1/users/{path}", json={}) as answer:
                    assert (answer.status, "Retry-After" in answer.headers) == (429, True)
            assert await served.records(user) == []
            assert (await served.ask("DELETE", f"{user}"))[0] == 202
            assert len(await served.records(user)) == 1

    asyncio.run(scenario())


def test_a_store_that_is_gone_is_said_to_be_so(urls):
    nowhere = "redis://127.0.0.1:1/0"
    state_url, events_url = urls

    async def scenario():
        user = next(USERS)
        async with serve(state_url, nowhere) as served:
            for method, path in (
                ("PUT", f"{user}"),
                ("DELETE", f"{user}"),
                ("PUT", f"{user}/relations/block/5"),
                ("DELETE", f"{user}/relations/block/5"),
            ):
                async with served.session.request(method, f"/v1/users/{path}", json={}) as answer:
                    assert (answer.status, "Retry-After" in answer.headers) == (503, True)
                    assert (await answer.json())["error"]["field"] == "store"
        async with serve(nowhere, events_url) as served:
            for path in (f"{user}/state", f"{user}/relations"):
                assert (await served.ask("GET", path))[0] == 503
            # The log takes changes without it; an erasure is not known to be applied.
            assert (await served.ask("DELETE", f"{user}/relations/block/5"))[0] == 200
            assert (await served.ask("DELETE", f"{user}"))[0] == 202

    asyncio.run(scenario())
