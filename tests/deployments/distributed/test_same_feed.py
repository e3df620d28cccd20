"""Both topologies make the same feeds, and `distributed` makes them also when parts of it are gone."""

import asyncio

import msgspec
import pytest

from cluster.catalogue_log import CatalogueLog
from cluster.settings import Events, Settings
from cluster.store.urls import StoreUrls
from deployments.retrieval.part import Part
from tests.deployments.catalogue.releases import post
from tests.deployments.distributed.drawn import FIRST, POSTS, USERS
from tests.deployments.distributed.standing import Standing, standing
from tests.kernels.columns import NOW
from tests.waiting import until_async


def run(scenario, settings: Settings, urls: StoreUrls, shards: int = 2) -> None:
    async def whole() -> None:
        async with standing(settings, urls, shards) as parts:
            await scenario(parts)

    asyncio.run(whole())


def told(feed) -> dict:
    """All that must be the same."""
    answer = msgspec.to_builtins(feed)
    return {name: answer[name] for name in ("items", "release", "cold_start", "degraded", "relaxed", "coverage")}


async def assert_same(parts: Standing) -> set[str]:
    """Of all users, on both surfaces, for two pages; the sources that brought what was shown."""
    sources = set()
    for user in range(FIRST, FIRST + USERS + 1):  # the last one is unknown
        for surface in ("home", "explore"):
            cursor = None
            for _ in range(2):
                distributed, fused = await parts.feeds(user_id=user, surface=surface, cursor=cursor)
                assert told(distributed) == told(fused)
                sources |= {source for item in fused.items for source in item.sources}
                cursor = fused.cursor
    assert fused.degraded == []
    return sources


async def publish(urls: StoreUrls, *posts) -> None:
    log = CatalogueLog(urls.events, Events(timeout_ms=5_000))
    stored = await log.read([each.post_id for each in posts])
    assert all(await log.write(list(zip(stored, posts, strict=True))))
    await log.close()


@pytest.mark.parametrize("shards", [1, 3])
def test_both_topologies_make_the_same_feeds(shards, settings, urls):
    async def scenario(parts):
        assert {"session", "long_term"} <= await assert_same(parts)

    run(scenario, settings, urls, shards)


def test_they_do_when_posts_come_change_and_go(settings, urls):
    new = [post(10_000 + i, created_ms=NOW - 1000 * i) for i in range(40)]
    moved = [post(1000 + i, seed=90 + i, author_id=100) for i in range(5)]
    gone = [msgspec.structs.replace(each, deleted=True) for each in (*new[:5], post(1100), post(1101))]

    async def scenario(parts):
        served = (parts.distributed, parts.fused)
        for replica in served:
            replica.live.start()
        catalogues = [replica.live.catalogue for replica in served]
        catalogues += [host._releases.get(parts.fused.live.name).shard for host in parts.shards]
        for written in (new, moved, gone):
            await publish(urls, *written)
        last = [each.post_id for each in new[5:]]
        owned = [len(Part(number, len(parts.shards)).of(new)) for number in range(len(parts.shards))]
        assert sum(owned) == len(new)
        assert min(owned) > 10
        await until_async(lambda: sum(c.index.fresh for c in catalogues[2:]) == len(last) + len(moved))
        await until_async(lambda: all(c.alive.sum() == POSTS + len(last) - 2 for c in catalogues[:2]))
        await until_async(lambda: catalogues[1].index.fresh == len(last) + len(moved))
        await assert_same(parts)
        for catalogue in (catalogues[1], catalogues[2]):
            await catalogue.compact()
        await assert_same(parts)

    run(scenario, settings, urls)


def test_a_lost_shard_is_told_and_the_others_fill_the_feed(settings, urls):
    async def scenario(parts):
        await parts.servers[1].close()
        await until_async(lambda: not parts.backends.shards[1].connected)
        feed, whole = await parts.feeds(user_id=FIRST)
        assert feed.degraded == ["shard 1"]
        assert len(feed.items) == len(whole.items)
        asked = 5  # of home's sources, for who follows nobody
        assert feed.coverage == pytest.approx(1 - 2 / 2 / asked, abs=0.01)
        await parts.servers[0].close()
        await until_async(lambda: not parts.backends.shards[0].connected)
        feed, _ = await parts.feeds(user_id=FIRST)
        assert feed.degraded == ["shards", "session", "long_term"]
        assert len(feed.items) == len(whole.items)

    run(scenario, settings, urls)


def test_without_ranker_feeds_are_in_the_order_of_the_trees(settings, urls):
    async def scenario(parts):
        await parts.servers[-1].close()
        await until_async(lambda: not parts.backends.rankers.connected)
        feed, whole = await parts.feeds(user_id=FIRST)
        assert feed.degraded == ["ranker", "utility", "ad_value"] or feed.degraded == ["ranker", "utility"]
        assert len(feed.items) == len(whole.items)
        assert [item.heads for item in feed.items] == [{}] * len(feed.items)

    run(scenario, settings, urls)


def test_who_is_late_is_gone_without(settings, urls):
    async def scenario(parts):
        await parts.feeds(user_id=FIRST)

        async def never(question):
            await asyncio.Event().wait()

        parts.servers[0]._answer = never
        feed, _ = await parts.feeds(user_id=FIRST, deadline_ms=1_000)
        assert feed.degraded == ["shard 0"]
        assert 300 < feed.timings_ms["candidates"] < feed.timings_ms["total"]

    run(scenario, settings, urls)


def test_a_release_that_they_do_not_hold_is_not_waited_for(settings, urls):
    async def scenario(parts):
        bundle = parts.distributed.live
        assert await bundle.hold(0.1)
        parts.shards[1]._releases._held.clear()
        assert not await bundle.hold(0.1)
        feed, _ = await parts.feeds(user_id=FIRST)
        assert feed.degraded == ["shard 1"]
        parts.ranker._releases._held.clear()
        feed, _ = await parts.feeds(user_id=FIRST)
        assert feed.degraded[:2] == ["shard 1", "ranker"]

    run(scenario, settings, urls)


def test_explanations_are_the_same(settings, urls):
    async def scenario(parts):
        distributed, fused = await parts.feeds(user_id=FIRST, explain=True)
        whys = [[(item.post_id, item.why) for item in feed.items] for feed in (distributed, fused)]
        assert whys[0] == whys[1]
        assert fused.items[0].why.influences
        await parts.servers[-1].close()
        await until_async(lambda: not parts.backends.rankers.connected)
        distributed, _ = await parts.feeds(user_id=FIRST, explain=True)
        assert "ranker" in distributed.degraded

    run(scenario, settings, urls)
