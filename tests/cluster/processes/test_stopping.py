import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import psutil
import pytest

from cluster.processes.run_state import ProcessId, Run
from cluster.processes.stopping import stop_run, users_of

#: An "up" with a child that ignores SIGTERM, and an orphan that only the folder gives away.
UP = """
import os, signal, subprocess, sys, time
folder, graceful = sys.argv[1], sys.argv[2] == "graceful"
quiet = dict(stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
child = subprocess.Popen([sys.executable, "-c", deaf], start_new_session=True, **quiet)
orphan = subprocess.run(
    [sys.executable, "-c",
     "import subprocess, sys; print(subprocess.Popen(['sleep', '600'], start_new_session=True,"
     " stdout=subprocess.DEVNULL).pid)"],
    env={**os.environ, "RAY_TMPDIR": folder}, stdout=subprocess.PIPE, text=True).stdout.strip()
def stop(*_):
    open(folder + "/cleaned", "w").close()
    if graceful:
        child.kill()
        child.wait()
    sys.exit()
signal.signal(signal.SIGTERM, stop)
sys.stdout.write(f"{child.pid} {orphan}\\n")
sys.stdout.flush()
time.sleep(600)
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="cascade-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@contextmanager
def started(folder: Path, mode: str) -> Iterator[tuple["subprocess.Popen[str]", Run, list[psutil.Process]]]:
    up = subprocess.Popen([sys.executable, "-c", UP, str(folder), mode], stdout=subprocess.PIPE, text=True)
    assert up.stdout is not None
    others = [psutil.Process(int(pid)) for pid in up.stdout.readline().split()]
    stores = [subprocess.Popen(["sleep", "600"]) for _ in range(2)]
    run = Run(
        up=ProcessId.of(up.pid),
        store_url="",
        store=ProcessId.of(stores[0].pid),
        events_url="",
        events=ProcessId.of(stores[1].pid),
        clock_offset_ms=0,
        ray_address="",
        ray_folder=str(folder),
        http_address="",
        release="",
        dataset="data",
        started_at="",
    )
    with up, stores[0], stores[1]:
        yield up, run, [*(psutil.Process(process.pid) for process in (up, *stores)), *others]


def running(processes: list[psutil.Process]) -> list[psutil.Process]:
    return [process for process in processes if alive(process)]


def alive(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize(("mode", "singly"), [("graceful", 3), ("sloppy", 4)])
def test_up_cleans_first_and_nothing_is_left(
    folder: Path, mode: str, singly: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cluster.processes.stopping.REST_S", 0.5)
    with started(folder, mode) as (up, run, processes):
        assert len(running(processes)) == 5
        assert [p.pid for p in users_of(str(folder))] == [processes[4].pid]
        assert stop_run(run) == singly
        assert not running(processes)
    assert up.returncode == 0  # it ended by itself, and was not killed
    assert not folder.exists()


def test_what_a_killed_up_left_is_stopped(folder: Path) -> None:
    with started(folder, "sloppy") as (up, run, processes):
        up.kill()
        up.wait()
        processes[3].kill()  # a child of its own session is beyond reach: only Ray's and the stores are known
        assert not run.alive
        assert stop_run(run) == 3
        assert not running(processes)
    assert stop_run(run) == 0


def test_a_stranger_with_the_id_of_a_dead_up_is_left_alone(folder: Path) -> None:
    with subprocess.Popen(["sleep", "600"]) as stranger:
        stale = ProcessId(stranger.pid, time.time() - 1000)
        run = Run(
            up=stale,
            store_url="",
            store=msgspec.structs.replace(stale),
            events_url="",
            events=msgspec.structs.replace(stale),
            clock_offset_ms=0,
            ray_address="",
            ray_folder=None,
            http_address="",
            release="",
            dataset="data",
            started_at="",
        )
        assert stop_run(run) == 0
        assert stranger.poll() is None
        stranger.kill()
