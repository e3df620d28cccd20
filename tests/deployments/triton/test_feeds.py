"""Feeds whose ranker is in a real Triton server, in one process, beside feeds with their own."""

import asyncio
from pathlib import Path

import msgspec
import numpy as np
import pytest

from cluster.clock import Clock
from cluster.ranker_backend import RankerBackend
from cluster.release import Release
from cluster.settings import Settings
from cluster.store.urls import StoreUrls
from cluster.store.valkey_server import ValkeyServer
from cluster.wire import FeedRequest, FeedResponse
from deployments.replica import Replica
from deployments.triton.repository import write_repository
from tests.deployments.distributed.drawn import FIRST, HEADS, POSTS, USERS, drawn_release
from tests.deployments.triton.server import needs_triton, triton_server
from tests.kernels.columns import NOW
from tests.training.models.rankers import requests_of
from training.models.ranker import RankerModel
from training.release.reference import FILE, Reference

pytestmark = needs_triton


def test_feeds_are_the_same_and_go_on_in_pre_rank_order_when_it_is_gone(
    tmp_path: Path, store_server: ValkeyServer, event_server: ValkeyServer
) -> None:
    home, models, own = tmp_path / "home", tmp_path / "models", tmp_path / "triton"
    own.mkdir()
    release = drawn_release(home / "releases")
    _note_references(release)
    write_repository(release, models)
    urls = StoreUrls(store_server.url, event_server.url)
    asyncio.run(_compare(Settings(home=home), urls, models, own))


async def _compare(settings: Settings, urls: StoreUrls, models: Path, own: Path) -> None:
    clock = Clock.replay(NOW)
    here = Replica.open(settings, clock, urls)
    with triton_server(models, own) as (url, _):
        there = Replica.open(settings.model_copy(update={"ranker": RankerBackend(triton_url=url)}), clock, urls)
        for replica in (here, there):
            await replica.warm_up()
        for user in range(FIRST, FIRST + USERS, 4):
            ours, theirs = await _feed(there, user), await _feed(here, user)
            assert ours.degraded == theirs.degraded == []
            assert [item.post_id for item in ours.items] == [item.post_id for item in theirs.items]
            for a, b in zip(ours.items, theirs.items, strict=True):
                assert a.heads == pytest.approx(b.heads, abs=1e-5)
    ours, theirs = await _feed(there, FIRST), await _feed(here, FIRST)
    assert ours.degraded == ["ranker", "utility"]
    assert len(ours.items) == len(theirs.items)
    for replica in (here, there):
        await replica.close()


async def _feed(replica: Replica, user: int) -> FeedResponse:
    told = {"user_id": user, "deadline_ms": 10_000, "limit": 20, "context": {"time_ms": NOW}}
    return await replica.feed(msgspec.json.encode(told))


def _note_references(release: Release) -> None:
    """Reference requests of a release that was made without."""
    model, ids = RankerModel.load(release.folder / "ranker"), np.load(release.folder / "posts" / "post_ids.npy")
    references = []
    for user, (_, _, x) in enumerate(requests_of(np.random.default_rng(1), *[POSTS] * 3)):
        predictions = model.predict(user, np.arange(POSTS), x)
        request = FeedRequest(user_id=FIRST + user)
        references.append(Reference(request, b"", ids.astype(np.int64).tobytes(), x.tobytes(), predictions.tobytes()))
    assert predictions.shape == (POSTS, len(HEADS))
    (release.folder / FILE).write_bytes(msgspec.msgpack.encode(references))
