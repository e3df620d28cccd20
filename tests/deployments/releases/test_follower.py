"""One replica that follows the record, in this process, over a trained release."""

import asyncio
import gc
import json
import shutil
import weakref
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cluster.clock import Clock
from cluster.live_release import LiveFile, LiveRelease, Trial, with_live
from cluster.release import Releases
from cluster.settings import Settings, Store
from cluster.store.urls import StoreUrls
from cluster.store.valkey_server import ValkeyServer
from deployments.releases import bundle
from deployments.replica import Replica
from tests.conftest import free_port
from tests.deployments.conftest import Served
from tests.deployments.promotion.resealing import resealed, unchanged, with_popular_reversed

pytestmark = pytest.mark.serving

NOBODY = 2**60


@pytest.fixture
def record(served: Served, tmp_path: Path) -> LiveRelease:
    """Two releases below `tmp_path`, of which the first one is live, and the second one may be gone back to."""
    releases = Releases(tmp_path / "releases")
    original = Releases(served.home / "releases").get(served.run.release)
    second, first = (resealed(releases, original, how) for how in (with_popular_reversed, unchanged))
    file = LiveFile(releases.root)
    file.change(lambda record: with_live(record, second.name))
    return file.change(lambda record: with_live(record, first.name))


def follow(home: Path, urls: StoreUrls, scenario: Callable[[Replica], Awaitable[None]]) -> None:
    """Run `scenario` on a replica that is about to follow."""

    async def whole() -> None:
        replica = Replica.open(Settings(home=home, store=Store(timeout_ms=5000)), Clock(), urls)
        try:
            await scenario(replica)
        finally:
            await replica.close()

    asyncio.run(whole())


async def feed(replica: Replica, user: int) -> dict[str, Any]:
    body = {"user_id": user, "limit": 10, "deadline_ms": 10_000}
    answer: dict[str, Any] = msgspec.to_builtins(await replica.feed(json.dumps(body).encode()))
    return answer


@pytest.fixture
def urls(store_server: ValkeyServer, event_server: ValkeyServer) -> StoreUrls:
    return StoreUrls(store_server.url, event_server.url)


def test_the_release_before_is_let_go_and_its_memory_with_it(
    record: LiveRelease, urls: StoreUrls, tmp_path: Path
) -> None:
    async def scenario(replica: Replica) -> None:
        await replica.warm_up()
        replica.live.start()
        before = weakref.ref(replica.live.catalogue)
        await replica.releases.follow(record.rolled_back())
        assert replica.live.name == record.previous == (await feed(replica, NOBODY))["release"]
        gc.collect()
        assert before() is None

    follow(tmp_path, urls, scenario)


def test_without_stores_nothing_is_exchanged_and_it_is_tried_again(
    record: LiveRelease, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundle, "PATIENCE_S", 0.1)
    nowhere = f"redis://127.0.0.1:{free_port()}"

    async def scenario(replica: Replica) -> None:
        await replica.releases.follow(record.rolled_back())
        status = replica.releases.status()
        assert (status.release, status.revision) == (record.live, -1)
        assert status.refused == f"release {record.previous} waits for the stores"

    follow(tmp_path, StoreUrls(nowhere, nowhere), scenario)


def test_what_cannot_be_loaded_is_refused_once(record: LiveRelease, urls: StoreUrls, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "releases" / str(record.previous) / "two_tower")

    async def scenario(replica: Replica) -> None:
        await replica.releases.follow(back := record.rolled_back())
        status = replica.releases.status()
        assert (status.release, status.revision) == (record.live, back.revision)
        assert "two_tower/post_vectors.npy is missing" in str(status.refused)
        await replica.releases.follow(record)
        assert replica.releases.status().refused is None

    follow(tmp_path, urls, scenario)


def test_users_of_a_canary_that_fails_are_answered_by_the_live_release(
    record: LiveRelease, urls: StoreUrls, tmp_path: Path
) -> None:
    trial = Trial(str(record.previous), "canary", 50.0)
    user = next(user for user in range(NOBODY, NOBODY + 100) if trial.takes(user))

    async def scenario(replica: Replica) -> None:
        await replica.releases.follow(record.with_trial(trial))
        assert (await feed(replica, user))["release"] == trial.release
        canary = replica.releases.traffic.canary
        assert canary is not None
        canary.bundle.feeds.pipelines = {}
        answer = await feed(replica, user)
        assert (answer["release"], len(answer["items"])) == (record.live, 10)

    follow(tmp_path, urls, scenario)
