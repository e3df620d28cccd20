"""A second `cascade up`: it reuses what is there, and leaves nothing behind."""

import json
import shutil
import subprocess

import pytest

from tests.conftest import free_port
from tests.deployments.conftest import CASCADE, assert_nothing_is_left, started_with

pytestmark = pytest.mark.serving


def test_it_reuses_what_is_there_and_down_leaves_nothing_behind(served, tmp_path):
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
    ) as up:
        run = json.loads(up.stdout.readline())
        assert run["release"] == served.run.release
        ray_folder = run["ray_folder"]
        assert len(started_with(home)) > 5
        done = subprocess.run([str(CASCADE), "down"], env=environment, capture_output=True, text=True, timeout=90)
        assert done.returncode == 0, done.stderr
        up.wait(90)
    assert_nothing_is_left(home, ray_folder)
