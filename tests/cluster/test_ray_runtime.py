import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
import ray

from cluster.errors import CascadeError
from cluster.processes.run_state import write_run
from cluster.processes.stopping import stop_run, users_of
from cluster.ray_runtime import _free_block, share_ray, start_ray
from cluster.settings import Settings
from tests.cluster.processes.runs import run_of
from tests.conftest import ENVIRONMENT, free_port

#: A process of its own, which may die without a trace in this one. Ray is imported before its environment is set.
UP = """
import json, sys
import ray.serve
from cluster.ray_runtime import start_ray, start_serve
from cluster.serving import Serving
from cluster.settings import RayCluster, Settings
settings = Settings(ray=RayCluster(num_cpus=3, object_store_mb=100), serving=Serving(port=int(sys.argv[1])))
with start_ray(settings) as session:
    start_serve(settings)
    from deployments.noop import run_noop
    run_noop()
    sys.stdout.write(json.dumps(session._asdict()) + "\\n")
    sys.stdout.flush()
    sys.stdin.readline()
"""


def test_a_daemon_that_was_late_is_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    starts = []

    def late_twice(**options: Any) -> SimpleNamespace:
        starts.append(options)
        if len(starts) < 3:
            raise RuntimeError("The current node timed out during startup.")
        return SimpleNamespace(address_info={"address": "127.0.0.1:6379"})

    monkeypatch.setattr(ray, "init", late_twice)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    with start_ray(Settings()) as session:
        assert session.address == "127.0.0.1:6379"
    assert starts == starts[:1] * 3


@pytest.mark.parametrize(("named", "starts"), [(False, 4), (True, 1)])
def test_a_ray_that_does_not_answer_is_said(
    named: bool, starts: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, listener: socket.socket
) -> None:
    seen = []
    address = f"127.0.0.1:{listener.getsockname()[1]}" if named else None

    def never(**options: Any) -> None:
        seen.append(options)
        raise RuntimeError("The current node timed out during startup.")

    monkeypatch.setattr(ray, "init", never)
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    if address:
        monkeypatch.setenv("RAY_ADDRESS", address)
    else:
        monkeypatch.delenv("RAY_ADDRESS", raising=False)
    with pytest.raises(CascadeError, match=f"cannot use Ray at {address or 'local'}"), start_ray(Settings()):
        pass
    assert len(seen) == starts


def test_an_address_at_which_nobody_listens_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", address := f"127.0.0.1:{free_port()}")
    with pytest.raises(CascadeError, match=f"nobody answers at {address}, where Ray should be"), start_ray(Settings()):
        pass


def test_what_is_up_is_joined(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, listener: socket.socket) -> None:
    address = f"127.0.0.1:{listener.getsockname()[1]}"
    environment: list[tuple[Any, str]] = []

    def connect(**options: Any) -> None:
        environment.append((options["address"], os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"]))

    monkeypatch.setattr(ray, "init", connect)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    settings = Settings(home=tmp_path)
    write_run(settings.run_file, msgspec.structs.replace(run_of(os.getpid()), ray_address=address))
    with share_ray(settings) as session:
        assert session.address == address
    assert environment == [(address, "0")]


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def test_no_two_rays_of_a_machine_share_ports_for_grpc(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = other = _free_block()
    while other == taken:
        other = _free_block()
    choices = iter((taken, other))
    monkeypatch.setattr("random.SystemRandom.randrange", lambda *_: next(choices))
    with socket.socket(socket.AF_INET6) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)  # as gRPC's servers do
        server.bind(("::", taken + 1))
        server.listen()
        assert _free_block() == other


@contextmanager
def up(port: int, log: Path) -> Iterator[tuple["subprocess.Popen[str]", dict[str, Any]]]:
    with log.open("w") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-c", UP, str(port)],
            env=ENVIRONMENT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )
    with process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, log.read_text()
        yield process, json.loads(line)


def test_what_a_killed_up_leaves_is_stopped(tmp_path: Path) -> None:
    with up(free_port(), tmp_path / "log") as (process, session):
        run = msgspec.structs.replace(run_of(process.pid), ray_address=session["address"], ray_folder=session["folder"])
        process.kill()
        process.wait()
    assert users_of(session["folder"]) != []
    stop_run(run)
    assert users_of(session["folder"]) == []
    assert not Path(session["folder"]).exists()
