"""A whole Cascade, brought up once as its users would: from data to a served feed."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
import urllib3

from cluster.processes.run_state import Run, read_run
from tests.conftest import ENVIRONMENT, free_port
from training.data.dataset import DataSet
from training.data.synth.parameters import Parameters
from training.data.synth.synthesis import synthesise

CASCADE = Path(sys.executable).with_name("cascade")


@dataclass(frozen=True)
class Served:
    """A running `cascade up` with a folder of its own."""

    home: Path
    environment: dict[str, str]
    dataset: DataSet
    process: subprocess.Popen[str]
    http: urllib3.PoolManager

    @property
    def run(self) -> Run:
        run = read_run(self.home / "run" / "cascade.json")
        assert run is not None
        return run

    def cascade(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the command line beside it."""
        command = [str(CASCADE), *arguments]
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=240)

    def request(self, method: str, path: str, body: Any = None) -> urllib3.BaseHTTPResponse:
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        return self.http.request(method, self.run.http_address + path, body=data, timeout=30, retries=False)

    def feed(self, **request: Any) -> dict[str, Any]:
        """A feed that must be answered with 200, and from the user's state, which a busy machine may read too late."""
        for _ in range(20):
            feed = self.any_feed(**request)
            if "store" not in feed["degraded"]:
                return feed
            time.sleep(0.5)
        pytest.fail(f"the state store is not heard: {feed['degraded']}")

    def any_feed(self, **request: Any) -> dict[str, Any]:
        """A feed that must be answered with 200; with time enough unless the request says otherwise."""
        answer = self.request("POST", "/v1/feed", {"deadline_ms": 10_000, **request})
        assert answer.status == 200, answer.data
        feed: dict[str, Any] = answer.json()
        return feed


def brought_up(environment: dict[str, str], log: Path) -> subprocess.Popen[str]:
    """`cascade up`, once it serves; its stdout is the caller's to close."""
    command = [str(CASCADE), "up", "--json"]
    with log.open("w") as errors:
        process = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True, start_new_session=True
        )
    assert process.stdout is not None
    if not process.stdout.readline():
        process.wait(60)
        process.stdout.close()
        pytest.fail(f"cascade up ended with {process.returncode}:\n{log.read_text()[-4000:]}")
    return process


def started_with(home: Path) -> list[psutil.Process]:
    """Every process whose environment names this home."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("CASCADE_HOME") == str(home) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


def listens(process: psutil.Process) -> set[tuple[str, str, int]]:
    """Name, address and port of each socket that a process listens on; none of one that has ended."""
    try:
        name, sockets = process.name(), process.net_connections("inet")
    except psutil.NoSuchProcess:  # HAProxy replaces its process when its configuration changes
        return set()
    return {(name, s.laddr.ip, s.laddr.port) for s in sockets if s.status == psutil.CONN_LISTEN}


def assert_nothing_is_left(home: Path, ray_folder: str) -> None:
    """Of a Cascade that was stopped: no process, no folder of Ray's, no run file."""
    deadline = time.monotonic() + 10
    while (left := started_with(home)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert [" ".join(process.cmdline()) for process in left] == []
    assert not os.path.exists(ray_folder)
    assert read_run(home / "run" / "cascade.json") is None


@pytest.fixture(scope="package")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """`cascade up` on a small synthetic world, store and Ray of its own included."""
    home = tmp_path_factory.mktemp("cascade")
    dataset = synthesise(Parameters(users=200, posts=1500, days=8, seed=5), home / "world")
    environment = ENVIRONMENT | {
        "CASCADE_HOME": str(home),
        "CASCADE_DATA": str(dataset.folder),
        "CASCADE_TRAINING__RECIPE": "quick",
        "CASCADE_SERVING__PORT": str(free_port()),
        "CASCADE_SERVING__GRPC_PORT": str(free_port()),
        "CASCADE_STORE__PORT": str(free_port()),
        "CASCADE_EVENTS__PORT": str(free_port()),
        # Many parts of Cascade, and other tests, share few cores: a store that answers late is no fault here.
        "CASCADE_STORE__TIMEOUT_MS": "2000",
        "CASCADE_EVENTS__TIMEOUT_MS": "5000",
    }
    process = brought_up(environment, home / "up.log")
    with urllib3.PoolManager() as http:
        served = Served(home, environment, dataset, process, http)
        ray_folder = served.run.ray_folder
        yield served
    with process:
        os.killpg(process.pid, signal.SIGINT)  # as Ctrl-C does
        process.wait(90)
    assert ray_folder is not None
    assert_nothing_is_left(home, ray_folder)
