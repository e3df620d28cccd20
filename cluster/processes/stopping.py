"""Stopping a run so that nothing of it is left, whatever state it is in."""

import os
import shutil
import signal
import sys
import time
from collections.abc import Iterable
from contextlib import suppress

import psutil

from cluster.processes.run_state import Run

#: How long `cascade up` may take to clean up after SIGTERM: replicas drain, the stores flush.
UP_S = 60.0
#: How long what it left behind may take.
REST_S = 5.0


def stop_run(run: Run) -> int:
    """Stop `cascade up` and make sure that nothing it started is left; returns how many had to be stopped singly.

    Works as well when `cascade up` is gone without having cleaned up.
    """
    up = run.up.find()
    started = _family(up) if up else []
    if up:
        up.terminate()
        _wait([up], UP_S)
    stores = [process for store in (run.store, run.events) if store and (process := store.find())]
    left = _stop([*started, *stores])
    if run.ray_folder:
        left += stop_users_of(run.ray_folder)
        shutil.rmtree(run.ray_folder, ignore_errors=True)
    return left


def interrupt(process: psutil.Process, patience_s: float) -> int:
    """End a process as Ctrl-C does, and after `patience_s` whatever is left of it and its children; tells how many."""
    family = _family(process)
    with suppress(psutil.NoSuchProcess):
        process.send_signal(signal.SIGINT)
    _wait([process], patience_s)
    return _stop(family)


def stop_users_of(folder: str) -> int:
    """Stop every process that was started with the temporary folder of a Ray; returns how many there were.

    Ray's daemons and HAProxy may outlive the process that started them.
    """
    return _stop(users_of(folder))


def users_of(folder: str) -> list[psutil.Process]:
    """Running processes, but for this one, that were started with the temporary folder of a Ray."""
    return [p for p in psutil.process_iter() if p.pid != os.getpid() and _runs(p) and _uses(p, folder)]


def _uses(process: psutil.Process, folder: str) -> bool:
    """Whether its environment names the folder; a few of Ray's overwrite theirs, but write logs there."""
    try:
        if any(folder in value for value in process.environ().values()):
            return True
        python = process.exe() == os.path.realpath(sys.executable)
        return python and any(folder in file.path for file in process.open_files())
    except (psutil.Error, OSError):
        return False


def _family(process: psutil.Process) -> list[psutil.Process]:
    try:
        return [*process.children(recursive=True), process]
    except psutil.NoSuchProcess:
        return []


def _stop(processes: Iterable[psutil.Process]) -> int:
    """SIGTERM, then SIGKILL; returns how many were running."""
    running = [p for p in processes if _runs(p)]
    for process in running:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    for process in _wait(running, REST_S):
        with suppress(psutil.NoSuchProcess):
            process.kill()
    _wait(running, REST_S)
    return len(running)


def _wait(processes: Iterable[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Wait for processes to end; returns those that run on."""
    deadline = time.monotonic() + seconds
    while (left := [p for p in processes if _runs(p)]) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left


def _runs(process: psutil.Process) -> bool:
    """A zombie has ended, though nobody has asked for its exit status yet."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
