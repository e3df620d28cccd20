"""A second `cascade up`: it reuses what is there, and leaves nothing behind."""

import shutil
import subprocess

import pytest

from cluster.processes.run_state import read_run
from tests.conftest import free_port
from tests.deployments.conftest import CASCADE, assert_nothing_is_left, brought_up, started_with

pytestmark = pytest.mark.serving


def test_it_reuses_what_is_there_and_down_leaves_nothing_behind(served, tmp_path):
    home = tmp_path / "home"
    for folder in ("data", "work", "releases"):
        if (served.home / folder).exists():
            shutil.copytree(served.home / folder, home / folder)
    environment = served.environment | {
        "CASCADE_HOME": str(home),
        "CASCADE_SERVING__PORT": str(free_port()),
        "CASCADE_SERVING__GRPC_PORT": str(free_port()),
        "CASCADE_STORE__PORT": str(free_port()),
        "CASCADE_EVENTS__PORT": str(free_port()),
    }
    home.mkdir(exist_ok=True)
    with brought_up(environment, home / "up.log") as up:
        run = read_run(home / "run" / "cascade.json")
        assert run is not None
        assert run.release == served.run.release
        assert len(started_with(home)) > 5
        done = subprocess.run([str(CASCADE), "down"], env=environment, capture_output=True, text=True, timeout=90)
        assert done.returncode == 0, done.stderr
        up.wait(90)
    assert_nothing_is_left(home, run.ray_folder)
