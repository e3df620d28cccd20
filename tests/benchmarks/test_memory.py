import asyncio
import os
import subprocess
import sys

import msgspec
import numpy as np
import psutil
import pytest

from benchmarks.memory import Growth, MemoryWatch, ProcessMemory, growth, process_name, processes_of, total
from cluster.processes.run_state import ProcessId
from tests.benchmarks.servers import run_at

#: Says that it is there, takes 40 MB when it gets a line, says so, and waits for its end.
GROWING = "print(flush=True); input(); kept = bytearray(b'x') * 40_000_000; print(flush=True); input()"


@pytest.fixture
def child():
    with subprocess.Popen([sys.executable, "-c", GROWING], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        yield process
        process.kill()


def test_only_the_second_half_counts_for_the_slope():
    seconds = np.arange(0.0, 601.0, 5.0)
    mb = np.where(seconds < 300, seconds, 300 + (seconds - 300) * 7.2 / 3600)
    assert growth(seconds, mb) == Growth(0.0, 300.6, 7.2, 0.0)


def test_what_does_not_grow_has_a_slope_of_nothing():
    assert growth(np.arange(9.0), np.array([3.0, *[5.0] * 8])) == Growth(3.0, 5.0, 0.0, 0.0)


def test_the_standard_error_holds_the_noise():
    seconds = np.arange(0.0, 3600.0, 5.0)
    rng = np.random.default_rng(4)
    found = [growth(seconds, 100 + rng.normal(0, 0.5, len(seconds))) for _ in range(200)]
    deviations = [each.mb_per_hour / each.standard_error for each in found]
    assert np.std(deviations) == pytest.approx(1, abs=0.2)


@pytest.mark.parametrize("samples", [1, 3])
def test_too_few_samples_have_no_slope(samples):
    found = growth(np.arange(float(samples)), np.ones(samples))
    assert (found.begin_mb, found.end_mb) == (1, 1)
    assert np.isnan(found.mb_per_hour)


def test_independent_growths_add_up():
    assert total([Growth(1.0, 2.0, 3.0, 3.0), Growth(10.0, 20.0, -1.0, 4.0)]) == Growth(11.0, 22.0, 2.0, 5.0)


def test_unknown_memory_has_no_slope_and_none_at_all_is_an_error():
    assert np.isnan(growth(np.arange(10.0), np.full(10, np.nan)).mb_per_hour)
    with pytest.raises(ValueError, match="no samples"):
        growth(np.zeros(0), np.zeros(0))


def test_a_process_that_grows_is_seen_to(child):
    async def run() -> list[ProcessMemory]:
        async with MemoryWatch([("child", psutil.Process(child.pid))], 0.05) as watch:
            await asyncio.sleep(0.2)
            child.stdin.write(b"\n")
            child.stdin.flush()
            await asyncio.to_thread(child.stdout.readline)
            await asyncio.sleep(0.2)
        return list(watch.grown())

    [found] = asyncio.run(run())
    assert (found.name, found.pid) == ("child", child.pid)
    assert found.samples >= 5
    assert found.rss.end_mb - found.rss.begin_mb == pytest.approx(40, abs=5)
    assert 0 < found.pss.end_mb <= found.rss.end_mb


def test_a_process_that_ends_keeps_what_was_seen(child):
    async def run() -> list[ProcessMemory]:
        async with MemoryWatch([("child", psutil.Process(child.pid))], 0.05) as watch:
            child.kill()
            child.wait()
            await asyncio.sleep(0.2)
        return list(watch.grown())

    [found] = asyncio.run(run())
    assert found.samples < 4
    assert found.rss.begin_mb > 1


def test_the_processes_of_a_run_and_their_names(child, tmp_path):
    gone = ProcessId(child.pid, 1.0)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as store:
        run = msgspec.structs.replace(
            run_at("http://h:1"), store=ProcessId.of(store.pid), events=gone, ray_folder=str(tmp_path / "ray")
        )
        roles = {os.getpid(): "cascade up", store.pid: "state store"}
        found = {process.pid: process_name(process, roles) for process in processes_of(run)}
        store.communicate(b"\n")
    assert found == {os.getpid(): "cascade up", store.pid: "state store"}


def test_what_ray_starts_is_found_by_its_folder(tmp_path):
    run = msgspec.structs.replace(run_at("http://h:1"), ray_folder=str(tmp_path))
    script = tmp_path / "dashboard.py"
    script.write_text("import sys; print(flush=True); sys.stdin.read()")
    titled = "import os, sys; os.execv(sys.executable, [sys.argv[1], '-c', sys.argv[2]])"
    commands = [
        [sys.executable, str(script)],
        [sys.executable, "-c", titled, "ray::ServeController.listen_for_change", script.read_text()],
        [sys.executable, "-c", titled, "ray::ServeReplica:cascade:FeedServer.handle_request", script.read_text()],
    ]
    environment = os.environ | {"RAY_TMPDIR": str(tmp_path)}
    workers = [
        subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for command in commands
    ]
    try:
        for worker in workers:
            worker.stdout.readline()
        names = {process.pid: process_name(process, {}) for process in processes_of(run)}
    finally:
        for worker in workers:
            worker.communicate()
    assert [names[worker.pid] for worker in workers] == ["Ray: dashboard.py", "Ray: ServeController", "FeedServer"]
