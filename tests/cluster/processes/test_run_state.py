import os
import subprocess
import sys
from pathlib import Path

import msgspec
import psutil
import pytest

from cluster.errors import CascadeError
from cluster.processes.run_state import ProcessId, read_run, remove_run, write_run
from tests.cluster.processes.runs import run_of


def test_it_is_read_as_written_and_leaves_no_other_file(tmp_path: Path) -> None:
    path = tmp_path / "run" / "cascade.json"
    assert read_run(path) is None
    for release in ("r1", "r2"):
        run = msgspec.structs.replace(run_of(os.getpid()), release=release)
        write_run(path, run)
        assert read_run(path) == run
    assert list(path.parent.iterdir()) == [path]
    remove_run(path)
    remove_run(path)
    assert read_run(path) is None


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "cascade.json"
    path.write_text('{"up": 3}')
    with pytest.raises(CascadeError, match=r"cascade\.json is damaged"):
        read_run(path)


def test_a_process_is_alive_until_it_ends() -> None:
    assert run_of(os.getpid()).alive
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        run = run_of(child.pid)
        assert run.alive
        child.kill()
        while psutil.Process(child.pid).status() != psutil.STATUS_ZOMBIE:
            pass
        assert not run.alive  # though nobody has reaped it
    assert not run.alive


def test_a_reused_id_is_another_process() -> None:
    assert ProcessId(os.getpid(), psutil.Process().create_time() - 1).find() is None


def test_a_ray_of_our_own_is_reached_on_loopback_and_its_drivers_are_known_by_the_folder() -> None:
    run = run_of(os.getpid())
    assert run.ray_environment == {}
    environment = msgspec.structs.replace(run, ray_folder="/tmp/cascade-x").ray_environment
    assert environment == {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_TMPDIR": "/tmp/cascade-x"}
