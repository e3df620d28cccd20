"""Parts that many tests share."""

import os
import random
import socket
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

import pytest

from cluster.ray_environment import set_ray_environment
from cluster.ray_runtime import RaySession, start_ray
from cluster.settings import Events, Settings, Store
from cluster.store.valkey_server import ValkeyServer

# As the command line does: Ray reads some of it when it is imported.
set_ray_environment()
#: For processes that a test starts: without the folders and ports that a Ray of this process sets.
ENVIRONMENT = dict(os.environ)


#: What `free_port` gives: of the ports from which neither the system nor Ray takes any, those of this test process.
_PORTS: Final = random.SystemRandom().sample(
    range(
        20_000 + int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")),
        30_000,
        int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")),
    ),
    k=1000,
)


def free_port() -> int:
    """A TCP port that nothing uses, and that no other test has been given or is given."""
    while True:
        port = _PORTS.pop()
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


#: Fixtures that are dear, dearest first: the tests that need one run in one process.
SHARED = ("served", "ray_session", "trained")


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist looks for groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that share a dear fixture come first, and stay together where processes share the tests; so do those of a
    file. Of a served Cascade, those that need one with which nothing has happened yet come before the others.
    """

    def place(item: pytest.Item) -> tuple[int, bool]:
        needs = [rank for rank, name in enumerate(SHARED) if name in getattr(item, "fixturenames", ())]
        return min(needs, default=len(SHARED)), item.get_closest_marker("untouched") is None

    items.sort(key=place)
    for item in items:
        rank, _ = place(item)
        item.add_marker(pytest.mark.xdist_group(SHARED[rank] if rank < len(SHARED) else item.path.stem))


@pytest.fixture(scope="session")
def store_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ValkeyServer]:
    """A real Valkey for the whole session; tests use keys of their own."""
    with ValkeyServer(tmp_path_factory.mktemp("store"), Store(port=free_port())) as server:
        yield server


@pytest.fixture(scope="session")
def event_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ValkeyServer]:
    """A real Valkey for events for the whole session."""
    with ValkeyServer(tmp_path_factory.mktemp("events"), Events(port=free_port())) as server:
        yield server


@pytest.fixture(scope="session")
def ray_session() -> Iterator[RaySession]:
    """A local Ray for the whole session, to which this process is connected."""
    with start_ray(Settings()) as session:
        yield session
