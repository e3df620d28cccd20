import asyncio
import random
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import msgspec
import pytest
import redis

from cluster.catalogue_log import POSTS, START, STREAM, CatalogueLog
from cluster.posts import Post, decode_post
from cluster.settings import Store
from cluster.store.breaker import StoreUnavailable
from cluster.store.valkey_server import ValkeyServer
from tests.conftest import free_port


def post(post_id: int, **fields: Any) -> Post:
    return Post(post_id=post_id, author_id=7, created_ms=1, **fields)


def run(url: str, scenario: Callable[[CatalogueLog], Coroutine[Any, Any, None]]) -> None:
    async def opened() -> None:
        async with CatalogueLog(url, Store()) as log:
            await scenario(log)

    asyncio.run(opened())


@pytest.fixture
def url(store_server: ValkeyServer) -> str:
    """A store without a catalogue."""
    with redis.Redis.from_url(store_server.url) as client:
        client.delete(POSTS, STREAM)
    return store_server.url


def test_what_is_written_is_read_and_followed_in_order(url: str) -> None:
    async def scenario(log: CatalogueLog) -> None:
        assert await log.last_position() == START
        [nothing] = await log.read([1])
        assert nothing.post is None
        assert await log.write([(nothing, post(1)), (nothing, post(2))]) == [True, True]
        first, missing, second = await log.read([1, 3, 2])
        assert (first.post, missing.post, second.post) == (post(1), None, post(2))
        assert await log.write([(first, post(1, topic="sea"))]) == [True]
        entries = await log.follow(START, 100, 0)
        assert [entry.post for entry in entries] == [post(1), post(2), post(1, topic="sea")]
        assert await log.last_position() == entries[-1].position
        assert await log.follow(entries[0].position, 1, 0) == entries[1:2]
        assert await log.follow(entries[-1].position, 1, 10) == []

    run(url, scenario)


def test_a_post_that_changed_meanwhile_is_not_overwritten(url: str) -> None:
    async def scenario(log: CatalogueLog) -> None:
        [before] = await log.read([1])
        assert await log.write([(before, post(1)), (before, post(1, topic="late")), (before, post(2))]) == [1, 0, 1]
        assert [stored.post for stored in await log.read([1, 2])] == [post(1), post(2)]
        assert len(await log.follow(START, 100, 0)) == 2

    run(url, scenario)


def test_no_change_is_lost_among_writers_and_hash_and_stream_agree(url: str) -> None:
    async def writer(number: int) -> int:
        retries = 0
        async with CatalogueLog(url, Store()) as log:
            for _ in range(25):
                written = False
                while not written:
                    [stored] = await log.read([5])
                    current = stored.post or post(5)
                    counted = msgspec.structs.replace(current, hashtags=current.hashtags + 1)
                    if random.random() < 0.2:
                        await asyncio.sleep(0.001)
                    [written] = await log.write([(stored, counted)])
                    retries += not written
        return retries

    async def scenario(log: CatalogueLog) -> None:
        assert sum(await asyncio.gather(*(writer(number) for number in range(4)))) > 0
        entries = await log.follow(START, 1000, 0)
        assert [entry.post.hashtags for entry in entries] == list(range(1, 101))
        assert (await log.read([5]))[0].post == entries[-1].post

    run(url, scenario)


def test_an_entry_that_cannot_be_read_is_passed_over(url: str, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(log: CatalogueLog) -> None:
        with redis.Redis.from_url(url) as client:
            bad = [client.xadd(STREAM, fields).decode() for fields in ({"p": b"\xc1"}, {"q": b""}, {"p": b"\x80"})]
        [nothing] = await log.read([1])
        await log.write([(nothing, post(1))])
        entries = await log.follow(START, 10, 0)
        assert [entry.post for entry in entries] == [None, None, None, post(1)]
        assert all(position in caplog.text for position in bad)

    run(url, scenario)


def test_a_store_that_is_gone_says_so_and_what_was_written_is_there_after_a_restart(tmp_path: Path) -> None:
    with ValkeyServer(tmp_path, Store(port=free_port(), fsync="always")) as server:

        async def scenario(log: CatalogueLog) -> None:
            [nothing] = await log.read([1])
            await log.write([(nothing, post(number)) for number in range(1000)])
            server.stop()
            for call in (log.read([1]), log.write([(nothing, post(1))]), log.last_position(), log.follow(START, 1, 0)):
                with pytest.raises(StoreUnavailable):
                    await call
            server.start()
            await asyncio.sleep(0.6)
            assert len(await log.follow(START, 2000, 0)) == 1000

        run(server.url, scenario)
        with redis.Redis.from_url(server.url) as client:
            assert decode_post(client.hget(POSTS, "999")) == post(999)
