"""The stores on Redis, where there is one: the same scripts and commands as on Valkey."""

import asyncio
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from cluster.catalogue_log import CatalogueLog
from cluster.event_log import EventLog
from cluster.events import Event
from cluster.posts import Post
from cluster.settings import Events, Store
from cluster.store.client import OnlineStore, user_key
from cluster.store.consumers import Consumers, Superseded
from cluster.store.fenced import FencedStore, Write
from cluster.store.stream import Stream
from tests.conftest import free_port

SERVER = shutil.which("redis-server")
pytestmark = pytest.mark.skipif(SERVER is None, reason="there is no redis-server on PATH")


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    assert SERVER is not None
    port = free_port()
    options = ["--port", str(port), "--dir", str(tmp_path), "--appendonly", "yes", "--save", ""]
    process = subprocess.Popen([SERVER, *options], stdout=subprocess.DEVNULL)
    try:
        with redis.Redis(port=port) as client:
            deadline = time.monotonic() + 20
            while True:
                try:
                    client.ping()
                    break
                except redis.ConnectionError:
                    assert time.monotonic() < deadline, "redis-server does not answer"
                    time.sleep(0.02)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.terminate()
        process.wait(20)


def test_events_state_and_catalogue_work_on_redis(url: str) -> None:
    async def scenario() -> None:
        event = Event(event_id="a", user_id=1, post_id=2, action="like", time_ms=3)
        async with EventLog(url, Events()) as log, Stream(url, Events(), "{events}", "users") as stream:
            [position] = await log.append([event])
            assert await log.append([event]) == [None]
            await stream.begin("0-0")
            [entry] = await stream.read("0-0", 10, 10)
            assert entry.position == position
            assert await stream.tell(entry.position, 1) == 0

        fenced = FencedStore(url, Store(), "users")
        await fenced.write("0-0", "1-0", Write({user_key(1): b"blob"}, stream=b"{effects}", entry=b"effect"))
        with pytest.raises(Superseded):
            await fenced.write("0-0", "2-0", Write())
        await fenced.close()
        async with OnlineStore(url, Store()) as store, Consumers(url, Store()) as consumers:
            assert await store.read_user(1) == b"blob"
            assert await consumers.position("users") == "1-0"

        catalogue = CatalogueLog(url, Events())
        [stored] = await catalogue.read([7])
        assert await catalogue.write([(stored, Post(post_id=7, author_id=8, created_ms=9))]) == [True]
        assert [entry.post.post_id for entry in await catalogue.follow("0-0", 10, 10)] == [7]
        await catalogue.close()

    asyncio.run(scenario())
