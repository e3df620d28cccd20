"""The users and the posts consumer on real Valkeys, fed by the real runner where that matters."""

import asyncio
from collections.abc import Iterator

import numpy as np
import pytest
import redis
from ray.util.metrics import Counter

from cluster.clock import Clock
from cluster.effects import STREAM as EFFECTS
from cluster.ending import end
from cluster.events import Erasure, Event, Record
from cluster.post_counters import STREAM as COUNTERS
from cluster.post_counters import TRENDING, decode_trending, decode_update, post_key, unpack_record
from cluster.settings import Store
from cluster.store.client import user_key
from cluster.store.consumers import Consumers, Superseded
from cluster.store.fenced import FencedStore
from cluster.store.stream import Stream
from cluster.store.valkey_server import ValkeyServer
from cluster.user_state import unpack
from cluster.vocabulary import stable_id
from deployments.consumers.consumer import Entry
from deployments.consumers.metrics import ConsumerMetrics
from deployments.consumers.posts import PostsConsumer
from deployments.consumers.runner import Runner
from deployments.consumers.users import UsersConsumer
from kernels.actions import COUNT
from kernels.decay import HOUR, MONTH
from tests.conftest import free_port

SETTINGS = Store(timeout_ms=2000, retry_ms=50)
NOW = Clock().now_ms()


@pytest.fixture
def server(tmp_path) -> Iterator[ValkeyServer]:
    with ValkeyServer(tmp_path / "state", Store(port=free_port())) as server:
        yield server


def event(n: int, action: str = "impression", user: int = 1, post: int = 7, **more) -> Event:
    defaults = {"author_id": 5, "topic": "cats", "region": "north"}
    return Event(
        event_id=str(n), user_id=user, post_id=post, action=action, time_ms=NOW - 1000 + n, **(defaults | more)
    )


async def consume(server: ValkeyServer, *batches: list[Record]) -> UsersConsumer:
    """A users consumer that has applied `batches`, the n-th of which ends at position n-0."""
    users = UsersConsumer(FencedStore(server.url, SETTINGS, "users"), 0)
    begin = int((await users.position()).split("-")[0])
    for n, batch in enumerate(batches, start=begin + 1):
        await users.apply([Entry(f"{n}-0", record) for record in batch], f"{n}-0")
    return users


async def count(server: ValkeyServer, done) -> None:
    """Run a posts consumer until `done` of the store."""
    posts = PostsConsumer(FencedStore(server.url, SETTINGS, "posts"), Clock())
    async with (
        Stream(server.url, SETTINGS, EFFECTS.decode(), "posts") as source,
        Consumers(server.url, SETTINGS) as consumers,
    ):
        task = asyncio.create_task(Runner(posts, source, consumers, ConsumerMetrics("posts")).run())
        with redis.Redis.from_url(server.url) as client:
            for _ in range(500):
                if done(client):
                    break
                await asyncio.sleep(0.02)
            else:
                pytest.fail("the posts consumer did not get there")
        await end(task)
    await posts.close()


def test_a_batch_is_applied_once_by_whoever_comes_first(server):
    async def scenario() -> None:
        first = await consume(server, [event(1)])
        second = await consume(server)
        await first.apply([Entry("2-0", event(2))], "2-0")
        with pytest.raises(Superseded):
            await second.apply([Entry("2-0", event(2))], "2-0")
        await first.close()
        await second.close()

    asyncio.run(scenario())
    with redis.Redis.from_url(server.url) as client:
        assert len(unpack(client.get(user_key(1))).events) == 2
        assert client.xlen(EFFECTS) == 2


def test_a_consumer_that_starts_again_goes_on_where_the_last_one_was(server):
    async def scenario() -> None:
        for n in range(1, 6):
            await (await consume(server, [event(n)])).close()

    asyncio.run(scenario())
    with redis.Redis.from_url(server.url) as client:
        assert unpack(client.get(user_key(1))).events["time_ms"].tolist() == [NOW - 1000 + n for n in range(1, 6)]


def test_an_unreadable_state_is_set_aside_and_counted(server, monkeypatch):
    async def scenario() -> None:
        await (await consume(server, [event(1)])).close()

    counted = []
    monkeypatch.setattr(Counter, "inc", lambda self, value: counted.append((self.info["name"], value)))
    with redis.Redis.from_url(server.url) as client:
        client.set(user_key(1), b"rubbish")
        asyncio.run(scenario())
        assert counted == [("cascade_unreadable_users", 1)]
        assert client.get(b"aside:" + user_key(1)) == b"rubbish"
        assert len(unpack(client.get(user_key(1))).events) == 1


def test_an_erased_user_leaves_nothing_and_late_events_do_not_bring_him_back(server):
    async def scenario() -> None:
        erasure = Erasure(user_id=1, time_ms=NOW)
        await (await consume(server, [event(1), event(3, "block", author_id=9)], [erasure], [event(2)])).close()

    asyncio.run(scenario())
    with redis.Redis.from_url(server.url) as client:
        assert client.keys("*u:1") == []
        assert unpack(client.get(user_key(9))).blocked_by_ids == b""
        assert 0 < client.ttl(b"erased:1") <= 49 * 3600


def test_effects_become_counters_updates_and_trends(server):
    async def scenario() -> None:
        likes = [event(n, "like", user=n) for n in range(1, 21)]
        await (await consume(server, likes, [event(30, user=1, post=8)])).close()
        await count(server, lambda client: decode_trending(client.get(TRENDING)).by_region)

    asyncio.run(scenario())
    with redis.Redis.from_url(server.url) as client:
        assert client.get("position:posts") == client.xrevrange(EFFECTS, count=1)[0][0]
        [record] = unpack_record(client.get(post_key(7)))
        np.testing.assert_allclose(record["counts"][MONTH, [COUNT["impression"], COUNT["like"]]], 20, rtol=1e-4)
        assert (record["author"], record["topic"]) == (5, stable_id("cats"))
        trending = decode_trending(client.get(TRENDING))
        for packed in (
            trending.everywhere,
            trending.by_region[stable_id("north")],
            trending.by_topic[stable_id("cats")],
        ):
            assert np.frombuffer(packed, np.int64).tolist() == [7]
        updates = [decode_update(fields[b"e"]) for _, fields in client.xrange(COUNTERS)]
        assert updates[-1].trending == trending
        update = next(update for update in reversed(updates) if update.posts)
        ids = np.frombuffer(update.posts, np.int64).tolist()
        counts = np.frombuffer(update.post_counts, np.float32).reshape(len(ids), -1, len(COUNT))
        assert 8 in ids
        assert counts[ids.index(8), HOUR, COUNT["impression"]] == 1


def test_counters_are_the_same_whether_the_consumer_was_restarted_or_not(server, tmp_path):
    async def scenario(url: ValkeyServer, restarts: bool) -> None:
        for n in range(1, 9):
            await (await consume(url, [event(n, "like", user=n), event(n, user=n, post=8)])).close()
            if restarts:
                await count(url, lambda c: c.get("position:posts") == c.xrevrange(EFFECTS, count=1)[0][0])
        await count(url, lambda c: c.get("position:posts") == c.xrevrange(EFFECTS, count=1)[0][0])

    with ValkeyServer(tmp_path / "other", Store(port=free_port())) as other:
        asyncio.run(scenario(server, True))
        asyncio.run(scenario(other, False))
        with redis.Redis.from_url(server.url) as ours, redis.Redis.from_url(other.url) as theirs:
            for key in (b"p:7", b"p:8", b"a:5", b"totals"):
                assert ours.get(key) == theirs.get(key) is not None
