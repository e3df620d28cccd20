"""The run file: what `cascade up` started, for `cascade status` and `cascade down`."""

import os
from pathlib import Path

import msgspec
import psutil
from msgspec import Struct

from cluster.errors import CascadeError
from cluster.ray_environment import LOOPBACK
from cluster.store.urls import StoreUrls


class ProcessId(Struct, frozen=True):
    """A process that is still the same one later: ids are reused, the time of creation tells."""

    pid: int
    created: float  # Unix seconds

    @classmethod
    def of(cls, pid: int) -> "ProcessId":
        """Raises psutil.NoSuchProcess."""
        return cls(pid, psutil.Process(pid).create_time())

    def find(self) -> psutil.Process | None:
        """The process if it still runs."""
        try:
            process = psutil.Process(self.pid)
            same = process.create_time() == self.created and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return None
        return process if same else None


class Run(Struct, frozen=True, kw_only=True):
    """One `cascade up`."""

    up: ProcessId
    store_url: str
    store: ProcessId | None  # None: a store that was there before
    events_url: str
    events: ProcessId | None  # likewise
    clock_offset_ms: int  # feed time minus real time
    ray_address: str
    ray_folder: str | None  # temporary folder of the Ray that was started; None: a Ray that was there before
    http_address: str
    grpc_address: str | None = None  # None: there is no gRPC
    release: str
    dataset: str  # folder
    started_at: str  # ISO 8601, UTC

    @property
    def urls(self) -> StoreUrls:
        return StoreUrls(self.store_url, self.events_url)

    @property
    def ray_environment(self) -> dict[str, str]:
        """What a process must have in its environment, before it imports Ray, to connect to the Ray of this run.

        A Ray started here listens on 127.0.0.1 alone, which other drivers would replace by the machine's address; the
        folder tells `cascade down` that the process belongs to the run.
        """
        if self.ray_folder is None:
            return {}
        return LOOPBACK | {"RAY_TMPDIR": self.ray_folder}

    @property
    def alive(self) -> bool:
        """Whether this very `cascade up` still runs."""
        return self.up.find() is not None


def write_run(path: Path, run: Run) -> None:
    """Write the run file, atomically."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}.part")
    part.write_bytes(msgspec.json.format(msgspec.json.encode(run)))
    part.replace(path)


def read_run(path: Path) -> Run | None:
    """The run file's content, None without one. Raises CascadeError when it is damaged."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Run)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as error:
        raise CascadeError(
            f"the run file {path} is damaged: {error}", "Delete it, and end what `ps` still shows of Cascade."
        ) from None


def remove_run(path: Path) -> None:
    """Remove the run file; it may be gone already."""
    path.unlink(missing_ok=True)
