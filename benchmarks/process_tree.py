"""What a process and all that it started have used."""

from collections.abc import Iterable
from contextlib import suppress
from typing import Final

import psutil

MB: Final = 1e6


def tree(roots: Iterable[psutil.Process]) -> list[psutil.Process]:
    """The processes with all their descendants that run."""
    found: dict[int, psutil.Process] = {}
    for root in roots:
        with suppress(psutil.NoSuchProcess):
            found |= {process.pid: process for process in [root, *root.children(recursive=True)]}
    return list(found.values())


def cpu_seconds(processes: Iterable[psutil.Process]) -> float:
    """CPU seconds of all until now, with those of their children that have ended."""
    seconds = 0.0
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            seconds += times.user + times.system + times.children_user + times.children_system
    return seconds


def memory_mb(processes: Iterable[psutil.Process]) -> float:
    """MB (10^6 bytes) of all together, shared pages once; where the system does not tell, without what is shared."""
    used = 0
    for process in processes:
        with suppress(psutil.Error):
            memory = process.memory_full_info()
            used += getattr(memory, "pss", memory.uss)
    return used / MB
