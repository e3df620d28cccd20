"""What a contender is, and how it is started and stopped."""

import ctypes
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Final

import psutil

from benchmarks.contenders.ground import Ground
from cluster.errors import CascadeError
from cluster.processes.stopping import interrupt

#: Seconds that a contender may take to start, from then to take connections, and to end by itself.
START_S: Final = 600.0
LISTEN_S: Final = 10.0
END_S: Final = 60.0
#: How often a program that waits to be interrupted looks whether it was.
LOOK_S: Final = 0.5

_PR_SET_PDEATHSIG: Final = 1


@dataclass(frozen=True, slots=True)
class Contender:
    """A program, `python -m PACKAGE.NAME`.

    It calls `begin`, answers POST /v1/feed on the ground's port, writes a line to stdout when it is ready, or one for
    each worker, and ends on SIGINT with all that it started.
    """

    name: str
    about: str
    line_per_worker: bool = False
    makes_feeds: bool = True
    package: str = "benchmarks.contenders"


@contextmanager
def running(contender: Contender, ground: Ground) -> Iterator[psutil.Process]:
    """Have `contender` answer at `ground.url`. Raises CascadeError when it does not start."""
    with tempfile.TemporaryFile() as messages:
        program = subprocess.Popen(
            [sys.executable, "-m", f"{contender.package}.{contender.name}"],
            stdout=subprocess.PIPE,
            stderr=messages,
            env=ground.environment,
            start_new_session=True,  # Ctrl-C is ours: a contender is told by `interrupt`
        )
        process = psutil.Process(program.pid)
        assert program.stdout is not None
        try:
            lines = ground.workers if contender.line_per_worker else 1
            if not (_lines(program.stdout.fileno(), lines) and _listens(ground)):
                messages.seek(0)
                raise CascadeError(
                    f"{contender.name} does not start:\n" + messages.read().decode(errors="replace")[-2000:],
                    "leave it out by --contenders",
                )
            yield process
        finally:
            interrupt(process, END_S)
            program.wait()
            program.stdout.close()


def _lines(stdout: int, count: int) -> bool:
    """Wait for so many lines; False when they do not come in time, or the program ends."""
    deadline = time.monotonic() + START_S
    while count > 0:
        ready, _, _ = select.select([stdout], [], [], max(0.0, deadline - time.monotonic()))
        written = os.read(stdout, 65536) if ready else b""
        if not written:
            return False
        count -= written.count(b"\n")
    return True


def _listens(ground: Ground) -> bool:
    """Wait until the port takes connections: some servers open it a moment after they are ready."""
    deadline = time.monotonic() + LISTEN_S
    while time.monotonic() < deadline:
        with suppress(OSError), socket.create_connection((ground.host, ground.port), LISTEN_S):
            return True
        time.sleep(0.05)
    return False


def begin() -> Ground:
    """What it stands on. For programs: from here on it is interrupted when who started it is gone, even by SIGKILL."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGINT))
    return Ground.given()


def until_interrupted() -> None:
    """Wait for SIGINT. For programs: it says first that this one is ready."""
    try:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while True:
            time.sleep(LOOK_S)  # `signal.pause` would miss a signal that comes a moment before it, and wait for ever
    except KeyboardInterrupt:
        return
