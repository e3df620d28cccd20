import os
import signal
import time
from pathlib import Path

import pytest
import redis

from cluster.errors import CascadeError
from cluster.settings import Events, Settings, Store
from cluster.store.urls import StoreUrls
from cluster.store.valkey_server import ValkeyServer
from deployments.stores import open_stores
from tests.conftest import free_port


def settings(home: Path, **changes: object) -> Settings:
    return Settings(home=home, store=Store(port=free_port()), events=Events(port=free_port())).model_copy(
        update=changes
    )


def test_both_are_started_revived_after_a_crash_and_stopped(tmp_path: Path) -> None:
    with open_stores(settings(tmp_path)) as stores:
        assert stores.urls.state != stores.urls.events
        before = stores.processes
        assert None not in before.values()
        assert not stores.revive()
        assert stores.events_server is not None
        assert stores.events_server.pid is not None
        with redis.Redis.from_url(stores.urls.events) as client:
            client.set("kept", "yes")
        os.kill(stores.events_server.pid, signal.SIGKILL)
        deadline = time.monotonic() + 10
        while not stores.revive():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert stores.processes["store"] == before["store"]
        assert stores.processes["events"] != before["events"]
        with redis.Redis.from_url(stores.urls.events) as client:
            assert client.get("kept") == b"yes"
    assert stores.processes == {"store": None, "events": None}
    assert {path.name for path in tmp_path.iterdir()} == {"store", "events"}


@pytest.mark.parametrize(
    ("state", "events", "started"),
    [("state", None, (False, False)), ("state", "events", (False, False)), (None, "events", (True, False))],
)
def test_those_that_are_there_are_used(tmp_path: Path, state: str, events: str, started: tuple[bool, bool]) -> None:
    given = settings(tmp_path, store_url=state, events_url=events)
    with open_stores(given) as stores:
        assert (stores.state_server is not None, stores.events_server is not None) == started
        own = f"redis://127.0.0.1:{given.store.port}/0"
        assert stores.urls == StoreUrls(state or own, events or state)


def test_when_one_does_not_start_the_other_is_stopped(tmp_path: Path, store_server: ValkeyServer) -> None:
    given = settings(tmp_path, store=Store(port=store_server.port))
    with pytest.raises(CascadeError, match="did not start"), open_stores(given):
        pass
    with pytest.raises(redis.ConnectionError), redis.Redis(port=given.events.port) as client:
        client.ping()
