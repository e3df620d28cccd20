"""Publishing through a real store: embeddings, moderation, posts of the release, writers who meet."""

import asyncio
from collections.abc import Awaitable, Callable

import numpy as np
import pytest
import redis

from cluster.catalogue_log import POSTS as HASH
from cluster.catalogue_log import START, STREAM, CatalogueLog
from cluster.clock import Clock
from cluster.content_encoder import HashedEncoder
from cluster.posts import NewPost, PostChange
from cluster.settings import Events
from cluster.store.valkey_server import ValkeyServer
from deployments.catalogue.publisher import Publisher, UnknownPost
from tests.deployments.catalogue.releases import catalogue

ENCODER = "cluster.content_encoder:HashedEncoder"


@pytest.fixture
def run(store_server: ValkeyServer) -> Callable[[Callable[[Publisher], Awaitable[None]]], None]:
    """Run a scenario with a publisher on an empty catalogue log."""
    with redis.Redis.from_url(store_server.url) as client:
        client.delete(HASH, STREAM)

    def run(scenario: Callable[[Publisher], Awaitable[None]]) -> None:
        async def opened() -> None:
            async with CatalogueLog(store_server.url, Events()) as log:
                await scenario(Publisher(log, catalogue(), HashedEncoder(), ENCODER, Clock(-(10**9))))

        asyncio.run(opened())

    return run


def test_what_is_published_is_read_with_an_embedding_of_its_text(run) -> None:
    async def scenario(publisher: Publisher) -> None:
        [first, second] = await publisher.publish(
            [NewPost(post_id=1, author_id=2, caption="By the sea", tags=["sun"]), NewPost(post_id=2, author_id=2)]
        )
        assert await publisher.read(1) == first
        assert abs(first.created_ms - publisher.clock.now_ms()) < 5000
        np.testing.assert_allclose(first.embedding, HashedEncoder().encode(["By the sea"], [["sun"]])[0])
        assert (first.encoder, second.embedding) == (ENCODER, None)
        changed = await publisher.change(1, PostChange(caption="In the mountains"))
        assert changed.embedding != first.embedding
        assert (changed.encoder, changed.tags) == (ENCODER, ["sun"])
        assert (await publisher.change(1, PostChange(caption=None, tags=None))).embedding is None

    run(scenario)


def test_posts_of_the_release_can_be_read_changed_and_deleted(run) -> None:
    async def scenario(publisher: Publisher) -> None:
        known = await publisher.read(1010)
        assert known == publisher.catalogue.post_of_release(1010)
        changed = await publisher.change(1010, PostChange(moderation="removed"))
        assert (changed.embedding, changed.author_id, changed.shown) == (known.embedding, known.author_id, False)
        assert (await publisher.delete(1010)).deleted
        for call in (publisher.read(1010), publisher.delete(1010), publisher.change(1010, PostChange())):
            with pytest.raises(UnknownPost, match="1010"):
                await call
        [back] = await publisher.publish([NewPost(post_id=1010, author_id=7)])
        assert back.shown
        assert [entry.post.shown for entry in await publisher.log.follow(START, 10, 0)] == [False, False, True]

    run(scenario)


def test_what_was_never_there_is_not_found(run) -> None:
    async def scenario(publisher: Publisher) -> None:
        for call in (publisher.read(5), publisher.delete(5), publisher.change(5, PostChange(topic="sea"))):
            with pytest.raises(UnknownPost):
                await call
        assert await publisher.log.last_position() == START

    run(scenario)


def test_changes_that_meet_are_all_kept(run) -> None:
    async def scenario(publisher: Publisher) -> None:
        await publisher.publish([NewPost(post_id=1, author_id=2)])
        told = [PostChange(topic="sea"), PostChange(region="north"), PostChange(duration_ms=7), PostChange(kind="live")]
        await asyncio.gather(*(publisher.change(1, change) for change in told))
        post = await publisher.read(1)
        assert (post.topic, post.region, post.duration_ms, post.kind) == ("sea", "north", 7, "live")

    run(scenario)


def test_of_several_under_one_id_the_last_one_counts(run) -> None:
    async def scenario(publisher: Publisher) -> None:
        await publisher.publish([NewPost(post_id=1, author_id=2, topic=topic) for topic in ("sea", "sun")] * 40)
        assert (await publisher.read(1)).topic == "sun"

    run(scenario)
