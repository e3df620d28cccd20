"""Stores with users, and a release that is live."""

import asyncio
from collections.abc import Iterator

import pytest

from cluster.settings import Events, Settings, Store
from cluster.store.client import OnlineStore
from cluster.store.urls import StoreUrls
from cluster.store.valkey_server import ValkeyServer
from cluster.user_state import pack
from tests.conftest import free_port
from tests.deployments.distributed.drawn import drawn_release, drawn_states

STORE = Store(timeout_ms=5_000)


@pytest.fixture(scope="module")
def urls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreUrls]:
    """Stores of their own, with the users."""

    async def fill(url: str) -> None:
        store = OnlineStore(url, STORE)
        await store.write_users({user: pack(state) for user, state in drawn_states().items()})
        await store.close()

    folder = tmp_path_factory.mktemp("stores")
    with (
        ValkeyServer(folder / "state", Store(port=free_port())) as state,
        ValkeyServer(folder / "events", Events(port=free_port(), fsync="everysec")) as events,
    ):
        asyncio.run(fill(state.url))
        yield StoreUrls(state.url, events.url)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    home = tmp_path_factory.mktemp("home")
    drawn_release(home / "releases")
    return Settings(home=home, store=STORE)
