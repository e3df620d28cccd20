"""A release becomes live where index and ranker are elsewhere: whole, and without a feed that misses a part."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from cluster.live_release import LiveFile, with_live
from cluster.release import Releases
from cluster.settings import Settings
from cluster.store.release_board import RECORD, ReleaseBoard
from cluster.store.urls import StoreUrls
from deployments.releases import follower as follower_module
from tests.deployments.distributed.conftest import STORE
from tests.deployments.distributed.drawn import FIRST, drawn_release
from tests.deployments.distributed.standing import standing
from tests.deployments.promotion.resealing import resealed, with_popular_reversed


@pytest.fixture
def home(tmp_path: Path, urls: StoreUrls) -> Iterator[Path]:
    """Of its own; the record goes from the store again, which others use too."""
    yield tmp_path
    with redis.Redis.from_url(urls.state) as state:
        state.delete(RECORD)


def test_a_feed_server_takes_a_release_once_all_others_hold_it(home, urls, monkeypatch):
    releases = Releases(home / "releases")
    before = drawn_release(releases.root)
    after = resealed(releases, before, with_popular_reversed)
    file = LiveFile(releases.root)

    async def scenario():
        async with standing(Settings(home=home, store=STORE), urls, 2) as parts:
            follower = parts.distributed.releases
            monkeypatch.setattr(follower_module, "PATIENCE_S", 0.1)
            record = file.change(lambda record: with_live(record, after.name))
            await follower.follow(record)
            assert follower.traffic.live.name == before.name
            assert follower.status().refused == f"release {after.name} waits for shards and rankers"
            async with ReleaseBoard(urls.state, STORE) as board:
                await board.keep(record)
            async with asyncio.timeout(20):
                while follower.traffic.live.name != after.name:
                    feed, _ = await parts.feeds(user_id=FIRST)
                    assert (feed.release, feed.degraded) == (before.name, [])
                    await follower.follow(record)
            await parts.fused.releases.follow(record)
            feed, whole = await parts.feeds(user_id=FIRST)
            assert feed.release == after.name
            assert (feed.items, feed.degraded) == (whole.items, [])
            held = [host._releases for host in (*parts.shards, parts.ranker)]
            assert all(each.get(name) for each in held for name in (before.name, after.name))

    asyncio.run(scenario())
