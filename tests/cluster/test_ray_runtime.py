import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import ray

from cluster.errors import CascadeError
from cluster.processes.run_state import ProcessId, Run
from cluster.processes.stopping import stop_run, users_of
from cluster.ray_runtime import _free_block, start_ray
from cluster.settings import Settings
from tests.conftest import ENVIRONMENT, free_port

#: A process of its own, which may die without a trace in this one. Ray is imported before its environment is set.
UP = """
import json, sys
import ray.serve
from cluster.ray_runtime import start_ray, start_serve
from cluster.settings import RayCluster, Serving, Settings
settings = Settings(ray=RayCluster(num_cpus=3, object_store_mb=100), serving=Serving(port=int(sys.argv[1])))
with start_ray(settings) as session:
    start_serve(settings)
    from deployments.noop import run_noop
    run_noop()
    sys.stdout.write(json.dumps(session._asdict()) + "\\n")
    sys.stdout.flush()
    sys.stdin.readline()
"""


def test_a_daemon_that_was_late_once_is_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    starts = []

    def late_once(**options: Any) -> SimpleNamespace:
        starts.append(options)
        if len(starts) == 1:
            raise RuntimeError("The current node timed out during startup.")
        return SimpleNamespace(address_info={"address": "127.0.0.1:6379"})

    monkeypatch.setattr(ray, "init", late_once)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    with start_ray(Settings()) as session:
        assert session.address == "127.0.0.1:6379"
    assert starts[0] == starts[1]


@pytest.mark.parametrize(("address", "starts"), [(None, 2), ("10.0.0.1:6379", 1)])
def test_a_ray_that_does_not_answer_is_said(
    address: str | None, starts: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seen = []

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
        run = Run(
            up=ProcessId.of(process.pid),
            store_url="",
            store=None,
            events_url="",
            events=None,
            clock_offset_ms=0,
            ray_address=session["address"],
            ray_folder=session["folder"],
            http_address="",
            release="",
            dataset="",
            started_at="",
        )
        process.kill()
        process.wait()
    assert users_of(session["folder"]) != []
    stop_run(run)
    assert users_of(session["folder"]) == []
    assert not Path(session["folder"]).exists()
