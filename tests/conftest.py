"""Parts that many tests share."""

import os
import random
import socket
from collections.abc import Iterator

import pytest

from cluster.ray_environment import set_ray_environment
from cluster.ray_runtime import RaySession, start_ray
from cluster.settings import Events, Settings, Store
from cluster.store.valkey_server import ValkeyServer

# As the command line does: Ray reads some of it when it is imported.
set_ray_environment()
#: For processes that a test starts: without the folders and ports that a Ray of this process sets.
ENVIRONMENT = dict(os.environ)


def free_port() -> int:
    """A TCP port that nothing listens on, outside the ranges from which the system and Ray take theirs meanwhile."""
    while True:
        port = random.SystemRandom().randrange(20_000, 30_000)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
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
