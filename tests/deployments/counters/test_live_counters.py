"""Counters on their way from the state store into the columns of a replica."""

import asyncio
import os
import signal
from collections.abc import Iterator

import numpy as np
import pytest
import redis

from cluster.post_counters import (
    STREAM,
    TOTALS,
    TRENDING,
    CounterUpdate,
    Trending,
    author_key,
    decode_update,
    encode,
    new_records,
    pack_record,
    post_key,
)
from cluster.settings import Store
from cluster.store.valkey_server import ValkeyServer
from cluster.vocabulary import stable_id
from cluster.wire import Context
from deployments.counters.follower import CounterFollower
from deployments.counters.live_counters import LiveCounters
from deployments.sources.trending import Trending as TrendingSource
from kernels.actions import COUNT
from kernels.decay import MONTH
from tests.conftest import free_port
from tests.deployments.catalogue.releases import catalogue, post
from tests.deployments.queries import query
from tests.waiting import until_async

SETTINGS = Store(timeout_ms=2000, retry_ms=50)
LIKE = COUNT["like"]


@pytest.fixture
def server(tmp_path) -> Iterator[ValkeyServer]:
    with ValkeyServer(tmp_path / "state", Store(port=free_port())) as server:
        yield server


def record(likes: float, counted_ms: int = 5):
    [one] = new_records(1)
    one["counts"][MONTH, [COUNT["impression"], LIKE]] = 10, likes
    one["counted_ms"] = counted_ms
    return one


def ids(*values: int) -> bytes:
    return np.array(values, np.int64).tobytes()


def update(post_id: int, author_id: int, likes: float, trending: Trending | None = None) -> bytes:
    counts, counted_ms = record(likes)["counts"].tobytes(), ids(5)
    return encode(CounterUpdate(ids(post_id), counted_ms, counts, ids(author_id), counted_ms, counts, counts, trending))


def test_a_replica_loads_all_counters_and_follows_updates(server):
    live = catalogue()
    counters = LiveCounters(live)
    columns = live.posts.columns

    async def scenario(client: redis.Redis) -> None:
        follower = CounterFollower(live, counters, server.url, SETTINGS)
        assert await follower.catch_up(1.0)
        assert columns.counts[7, MONTH, LIKE] == 3
        assert columns.author_counts[1, MONTH, LIKE] == 4
        assert columns.prior[LIKE] == np.float32(0.5)
        assert counters.trending_everywhere().tolist() == [9]
        follower.start()
        client.xadd(STREAM, {"e": update(1007, 300, 8, Trending(everywhere=ids(1001, 1002)))})
        await until_async(lambda: columns.counts[7, MONTH, LIKE] == 8)
        assert columns.author_counts[2, MONTH, LIKE] == 8
        assert counters.trending_everywhere().tolist() == [1, 2]
        await follower.close()

    with redis.Redis.from_url(server.url) as client:
        client.set(post_key(1007), pack_record(record(3)))
        client.set(post_key(1008), b"rubbish")
        client.set(author_key(200), pack_record(record(4)))
        client.set(TOTALS, pack_record(record(5)))
        client.set(TRENDING, encode(Trending(everywhere=ids(1009))))
        asyncio.run(scenario(client))


def test_after_an_outage_all_counters_are_read_anew(server):
    live = catalogue()
    columns = live.posts.columns

    async def scenario() -> None:
        follower = CounterFollower(live, LiveCounters(live), server.url, SETTINGS)
        await follower.catch_up(1.0)
        follower.start()
        os.kill(server.pid, signal.SIGKILL)
        while server.pid is not None:
            await asyncio.sleep(0.01)
        server.start()
        with redis.Redis.from_url(server.url) as client:
            client.set(post_key(1007), pack_record(record(6)))  # what nobody told while the replica did not listen
        await until_async(lambda: columns.counts[7, MONTH, LIKE] == 6)
        await follower.close()

    asyncio.run(scenario())


def test_counters_of_a_post_that_the_catalogue_does_not_know_yet_wait_for_it():
    live = catalogue()
    counters = LiveCounters(live)
    counters.take(decode_update(update(5555, 100, 2)))
    live.apply([post(5555)])
    counters.take(decode_update(update(1001, 100, 1)))
    row = live.posts.post_rows(np.array([5555]))[0]
    assert live.posts.columns.counts[row, MONTH, LIKE] == 2


def test_what_trends_where_the_user_is_comes_first():
    live = catalogue()
    counters = LiveCounters(live)
    counters.take_trending(
        Trending(everywhere=ids(1001, 1002, 1003, 1004), by_region={stable_id("north"): ids(1009, 1008, 1007)})
    )
    source = TrendingSource(counters, 4)
    assert source.fetch(query(live.posts)).tolist() == [1, 2, 3, 4]
    assert source.fetch(query(live.posts, context=Context(region="north"))).tolist() == [9, 8, 1, 2]
    assert counters.trending_on(stable_id("cats")).tolist() == []
