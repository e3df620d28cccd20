"""A second `cascade up`: it reuses what is there, and leaves nothing behind."""

import json
import os
import shutil
import signal
import subprocess
import time

import psutil
import pytest

from cluster.processes.run_state import read_run
from tests.conftest import free_port
from tests.deployments.conftest import CASCADE

pytestmark = pytest.mark.serving


def started_with(home) -> list[psutil.Process]:
    """Every process whose environment names this home."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("CASCADE_HOME") == str(home) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


@pytest.mark.parametrize("stop", ["Ctrl-C", "cascade down"])
def test_it_reuses_what_is_there_and_leaves_nothing_behind(served, tmp_path, stop):
    home = tmp_path / "home"
    for folder in ("data", "work", "releases"):
        if (served.home / folder).exists():
            shutil.copytree(served.home / folder, home / folder)
    environment = served.environment | {
        "CASCADE_HOME": str(home),
        "CASCADE_SERVING__PORT": str(free_port()),
        "CASCADE_STORE__PORT": str(free_port()),
        "CASCADE_EVENTS__PORT": str(free_port()),
    }
    with subprocess.Popen(
        [str(CASCADE), "up", "--json"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    ) as up:
        run = json.loads(up.stdout.readline())
        assert run["release"] == served.run.release
        ray_folder = run["ray_folder"]
        assert len(started_with(home)) > 5
        if stop == "Ctrl-C":
            os.killpg(up.pid, signal.SIGINT)
        else:
            done = subprocess.run([str(CASCADE), "down"], env=environment, capture_output=True, text=True, timeout=90)
            assert done.returncode == 0, done.stderr
        up.wait(90)
    deadline = time.monotonic() + 10
    while (left := started_with(home)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert [" ".join(process.cmdline()) for process in left] == []
    assert not os.path.exists(ray_folder)
    assert read_run(home / "run" / "cascade.json") is None
