"""Calls over a real channel, with real stores: what HTTP answers, gRPC answers too."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

import grpc
import msgspec
import numpy as np
import pytest

from cluster.clock import Clock
from cluster.event_log import EventLog
from cluster.serving import Serving
from cluster.settings import Events, Store
from cluster.store.client import OnlineStore
from cluster.store.consumers import Consumers
from cluster.user_state import UserState, pack
from cluster.wire import FeedRequest, FeedResponse
from deployments.admission.admission import TooBusy
from deployments.api.api import Api
from deployments.api.events import EventService
from deployments.api.pressure import Pressure
from deployments.api.users import UserService
from deployments.grpc.calls import _is_here, servicer_path
from deployments.grpc.health import HEALTH
from tests.deployments.apis import api_of, http_session
from tests.deployments.grpc.calling import call, fault, grpc_channel, retry_after, retry_delay_s

#: Stores are shared: each test has users and events of its own.
USERS = count(9_000_000, 10)
STATE, EVENTS = Store(timeout_ms=5000), Events(timeout_ms=5000)
CLOCK = Clock(-1_000_000)
NOWHERE = "redis://127.0.0.1:1/0"


class Posts:
    """Post n is of author n + 100."""

    def authors_and_topics(self, post_ids):
        return post_ids + 100, post_ids >= 0, ["cats"] * len(post_ids)


@asynccontextmanager
async def services(state_url: str, events_url: str) -> AsyncIterator[Api]:
    async with (
        EventLog(events_url, EVENTS) as log,
        OnlineStore(state_url, STATE) as store,
        Consumers(state_url, STATE) as consumers,
    ):
        pressure = Pressure(log, 1000)
        yield api_of(
            events=EventService(log, pressure, CLOCK, Posts),
            users=UserService(log, pressure, store, consumers, CLOCK, lambda: ["cats"]),
            pressure=pressure,
        )


@pytest.fixture
def urls(store_server, event_server):
    return store_server.url, event_server.url


async def refused(calling: Any) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await calling
    return caught.value


def event(user: int, number: int, **fields: Any) -> dict[str, Any]:
    return {"event_id": f"{user}-{number}", "user_id": user, "post_id": 7, "action": "like", **fields}


def test_a_batch_of_events_is_answered_as_by_http(urls):
    user = next(USERS)
    events = [event(user, 1), event(user, 2, action="adore"), event(user, 3, user_id=-1), event(user, 4, post_id=None)]
    sent = [{name: value for name, value in each.items() if value is not None} for each in events]

    async def scenario():
        async with services(*urls) as api, grpc_channel(api) as channel, http_session(api) as session:
            answer = await call(channel, "AppendEvents", events=sent)()
            async with session.post("/v1/events", json={"events": sent}) as response:
                by_http = await response.json()
            assert (answer.accepted, answer.repeated) == (1, 0)
            assert (by_http["accepted"], by_http["repeated"]) == (1, 1), "it was there already"
            told = [(error.field, json.loads(error.value), error.message) for error in answer.errors]
            assert told == [(error["field"], error["value"], error["message"]) for error in by_http["errors"]]
            assert [field for field, *_ in told] == ["events[1].action", "events[2].user_id", "events[3].post_id"]

    asyncio.run(scenario())


@pytest.mark.parametrize("events", [[], [{"user_id": 1}], [{"event_id": "e", "user_id": 1, "action": "like"}]])
def test_what_has_no_good_event_is_refused_as_by_http(urls, events):
    async def scenario():
        async with services(*urls) as api, grpc_channel(api) as channel, http_session(api) as session:
            error = await refused(call(channel, "AppendEvents", events=events)())
            async with session.post("/v1/events", json={"events": events}) as response:
                assert response.status == 400
                by_http = (await response.json())["error"]
            found = fault(error)
            assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
            assert (found.field, json.loads(found.value), found.message) == tuple(by_http.values())

    asyncio.run(scenario())


def test_consumers_that_are_behind_exhaust_a_resource(urls):
    async def scenario():
        user = next(USERS)
        async with services(*urls) as api, grpc_channel(api) as channel:
            api.pressure.reason = "consumer users is 5000 events behind"
            for calling in (
                call(channel, "AppendEvents", events=[event(user, 1)]),
                call(channel, "SetProfile", user_id=user, change={"followers": 3}),
                call(channel, "Relate", user_id=user, kind="block", author_id=5),
            ):
                error = await refused(calling())
                assert (error.code(), retry_after(error)) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "2")
                assert "5000 events behind" in fault(error).message

    asyncio.run(scenario())


def test_a_store_that_is_gone_is_unavailable(urls):
    async def scenario():
        user = next(USERS)
        async with services(urls[0], NOWHERE) as api, grpc_channel(api) as channel:
            error = await refused(call(channel, "AppendEvents", events=[event(user, 1)])())
            assert (error.code(), retry_after(error)) == (grpc.StatusCode.UNAVAILABLE, "1")
            assert fault(error).field == "store"

    asyncio.run(scenario())


def test_a_feed_that_comes_too_late_is_unavailable(urls):
    async def scenario():
        api = api_of(replica=Busy())
        async with grpc_channel(api) as channel, http_session(api) as http:
            async with http.post("/v1/feed", json={"user_id": 1}) as response:
                assert (response.status, response.headers["retry-after"]) == (503, "1")
                assert (await response.json())["error"]["field"] == "deadline_ms"
            error = await refused(call(channel, "Feed", user_id=1)())
            assert (error.code(), retry_after(error)) == (grpc.StatusCode.UNAVAILABLE, "1")
            assert (fault(error).field, fault(error).value) == ("deadline_ms", "200")
            assert "about 300 ms" in fault(error).message
            assert retry_delay_s(error) == 1

    asyncio.run(scenario())


def test_users_are_set_related_told_and_unknown_ones_not_found(urls):
    user = next(USERS)

    async def scenario():
        async with services(*urls) as api, grpc_channel(api) as channel, OnlineStore(urls[0], STATE) as store:
            for name, fields in (
                ("SetProfile", {"change": {"followers": 3, "region": "north"}}),
                ("Relate", {"kind": "follow", "author_id": 5}),
            ):
                assert (await call(channel, name, user_id=user, **fields)()).log_position
            error = await refused(call(channel, "GetUserState", user_id=user)())
            assert (error.code(), fault(error).field) == (grpc.StatusCode.NOT_FOUND, "user_id")
            packed = np.array([2**62 + 1, 5], np.int64).tobytes()
            counts = np.ones(4096, np.float32).tobytes()[: len(UserState().counts)]
            await store.write_users({user: pack(UserState(following_ids=packed, counts=counts))})
            assert list((await call(channel, "GetRelations", user_id=user)()).follow) == [2**62 + 1, 5]
            state = await call(channel, "GetUserState", user_id=user)()
            told = msgspec.to_builtins(await api.users.export(user))
            assert {window: dict(counts.counts) for window, counts in state.counters.decayed.items()} == (
                told["counters"]["decayed"]
            )
            assert list(state.counters.impressions_by_hour) == told["counters"]["impressions_by_hour"]
            error = await refused(call(channel, "Relate", user_id=user, kind="adore", author_id=5)())
            assert (error.code(), fault(error).field) == (grpc.StatusCode.INVALID_ARGUMENT, "kind")

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("name", "fields", "field"),
    [
        ("GetRelations", {}, "user_id"),
        ("GetRelations", {"user_id": -1}, "user_id"),
        ("Relate", {"user_id": 1, "kind": "block"}, "author_id"),
        ("SetProfile", {"user_id": 1, "change": {"followers": -1}}, "followers"),
        ("SetProfile", {"user_id": 1, "change": {"region": "x" * 65}}, "region"),
        ("AppendEvents", {"events": [{"topic": "x" * 3000}]}, "body"),
    ],
)
def test_bad_requests_are_told_what_is_wrong(urls, name, fields, field):
    async def scenario():
        async with services(*urls) as api, grpc_channel(api, max_body_bytes=2000) as channel:
            error = await refused(call(channel, name, **fields)())
            assert (error.code(), fault(error).field) == (grpc.StatusCode.INVALID_ARGUMENT, field)
            assert fault(error).message

    asyncio.run(scenario())


class Busy:
    """Has no time."""

    async def feed(self, body: bytes) -> FeedResponse:
        raise TooBusy("late", 0.2, "an answer would take about 300 ms")


class Asked:
    """Keeps what feeds are asked for."""

    async def feed(self, body: bytes) -> FeedResponse:
        self.request = msgspec.json.decode(body, type=FeedRequest)
        return FeedResponse("r", "release", [], False, [], [], 1.0, {})


@pytest.mark.parametrize(
    ("asked_ms", "timeout", "least", "most"),
    [(9000, 5, 2000, 5000), (None, 0.15, 1, 150), (None, 30, None, None), (100, 5, 100, 100), (None, None, None, None)],
)
def test_the_earlier_of_two_deadlines_counts(asked_ms, timeout, least, most):
    asked = Asked()

    async def scenario():
        async with grpc_channel(api_of(replica=asked)) as channel:
            await channel.channel_ready()
            await call(channel, "Feed", user_id=1, deadline_ms=asked_ms)(timeout=timeout)

    asyncio.run(scenario())
    found = asked.request.deadline_ms
    # What is left of a call is sent with two digits, rounded up.
    assert found is None if least is None else least <= found <= 1.1 * most


def test_health_is_told_as_load_balancers_ask():
    async def scenario():
        async with grpc_channel(api_of()) as channel:
            assert await channel.unary_unary(HEALTH)(b"") == b"\x08\x01"

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("peer", "here"),
    [
        ("ipv4:127.0.0.1", True),
        ("ipv6:%5B::1%5D", True),
        ("ipv6:[::ffff:127.0.0.1]", True),
        ("unix", True),
        ("ipv4:10.0.0.7", False),
        ("ipv6:%5B2001:db8::1%5D", False),
        ("ipv6:[::ffff:10.0.0.7]", False),
        ("", False),
    ],
)
def test_peers_of_this_machine_are_known(peer, here):
    assert _is_here(peer) is here


def test_a_server_on_loopback_answers_its_own_machine_alone():
    assert servicer_path(Serving()) == "deployments.grpc.calls:add_to_local_server"
    assert servicer_path(Serving(host="localhost")) == "deployments.grpc.calls:add_to_local_server"
    assert servicer_path(Serving(host="0.0.0.0")) == "deployments.grpc.calls:add_to_server"
    assert servicer_path(Serving(grpc_port=0)) is None
