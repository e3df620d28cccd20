"""Following a real stream: replay, news, outages, compaction."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
import redis

from cluster.catalogue_log import POSTS as HASH
from cluster.catalogue_log import STREAM, CatalogueLog, Stored
from cluster.posts import Post
from cluster.settings import Events
from cluster.store.valkey_server import ValkeyServer
from deployments.catalogue.catalogue import Catalogue
from deployments.catalogue.follower import SLICE, Follower
from tests.conftest import free_port
from tests.deployments.catalogue.releases import catalogue, post
from tests.waiting import until_async

SETTINGS = Events(retry_ms=50)


@pytest.fixture
def url(store_server: ValkeyServer) -> str:
    """A store without a catalogue."""
    with redis.Redis.from_url(store_server.url) as client:
        client.delete(HASH, STREAM)
    return store_server.url


async def write(log: CatalogueLog, *posts: Post) -> None:
    stored = await log.read([post.post_id for post in posts])
    assert all(await log.write(list(zip(stored, posts, strict=True))))


@asynccontextmanager
async def following(live: Catalogue, log: CatalogueLog) -> AsyncIterator[Follower]:
    """A follower that has caught up and goes on."""
    follower = Follower(live, log)
    assert await follower.catch_up(1.0)
    follower.start()
    try:
        yield follower
    finally:
        await follower.close()


def is_shown(live: Catalogue, post_id: int) -> bool:
    row = live.posts.post_rows(np.array([post_id]))[0]
    return bool(row >= 0 and live.alive[row])


def test_the_past_is_replayed_and_news_are_there_within_two_seconds(url: str) -> None:
    async def scenario() -> None:
        async with CatalogueLog(url, SETTINGS) as log:
            await write(log, *(post(number) for number in range(1000)))
            await write(log, *(post(number) for number in range(1000, 2500, 3)))
            live = catalogue()
            assert Follower(live, log).status().behind_ms is None
            async with following(live, log) as follower:
                assert is_shown(live, 999)
                assert is_shown(live, 2497)
                await write(log, post(5000), post(3, deleted=True))
                await until_async(lambda: is_shown(live, 5000) and not is_shown(live, 3))
                status = follower.status()
                assert status.position == await log.last_position()
                assert status.behind_ms < 1500
                assert (status.removed, status.posts) == (1, len(live) - 1)

    asyncio.run(scenario())


def test_an_outage_is_survived_and_told(tmp_path: Path) -> None:
    async def scenario(server: ValkeyServer) -> None:
        live = catalogue()
        async with CatalogueLog(server.url, SETTINGS) as log, following(live, log) as follower:
            await write(log, post(1))
            await until_async(lambda: is_shown(live, 1))
            server.stop()
            await until_async(lambda: follower.status().behind_ms > 900)
            assert is_shown(live, 1)
            server.start()
            await asyncio.sleep(0.1)
            await write(log, post(2))
            await until_async(lambda: is_shown(live, 2))
            await until_async(lambda: follower.status().behind_ms < 900)

    with ValkeyServer(tmp_path, Events(port=free_port())) as server:
        asyncio.run(scenario(server))


def test_without_a_store_the_release_is_served() -> None:
    async def scenario() -> None:
        async with CatalogueLog(f"redis://127.0.0.1:{free_port()}", SETTINGS) as log:
            live = catalogue()
            assert not await Follower(live, log).catch_up(0.3)
            assert is_shown(live, 1000)

    asyncio.run(scenario())


def test_a_burst_leaves_the_event_loop_to_requests_and_new_indexes_are_built(url: str) -> None:
    async def requests(live: Catalogue, sizes: list[int]) -> None:
        """Search at every turn of the event loop, and note how many posts there are."""
        while True:
            rows = live.search(live.user_tower.history_vectors[5] / 10, 20)
            assert len(rows) == 20
            assert live.alive[rows].all()
            sizes.append(len(live))
            await asyncio.sleep(0)

    async def scenario() -> None:
        live, sizes = catalogue(fresh_limit=500), [0]
        async with CatalogueLog(url, SETTINGS) as log, following(live, log):
            sizes[0] = len(live)
            asking = asyncio.create_task(requests(live, sizes))
            for begin in range(0, 4000, 1000):
                posts = [post(number) for number in range(begin, begin + 1000)]
                await log.write([(Stored(b"", None), new) for new in posts])
            await until_async(lambda: is_shown(live, 3999) and not live.wants_compaction, seconds=20)
            assert not asking.done()
            asking.cancel()
            assert np.diff(sizes).max() == SLICE
            assert live.index.fresh <= 500

    asyncio.run(scenario())
