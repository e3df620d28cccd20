"""Where and with what a benchmark ran, so that its figures can be read later."""

import os
import platform
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import psutil

PACKAGES = (
    "cascade-feed",
    "ray",
    "numpy",
    "numba",
    "torch",
    "faiss-cpu",
    "xgboost-cpu",
    "msgspec",
    "fastapi",
    "uvloop",
)
#: What decides how fast matrices are multiplied, in which precision.
INSTRUCTIONS = ("avx2", "avx512f", "avx512_bf16", "avx512_vnni", "avx_vnni", "amx_bf16", "amx_int8")


@dataclass(frozen=True, slots=True)
class Machine:
    cpu: str
    """The processor's name, and those of INSTRUCTIONS that it has: one name is sold with and without."""
    cores: int
    """Logical cores that this process may use."""
    memory_gb: float
    system: str
    load_1m: float
    """Load average before the benchmark: far above 0 means that others used the machine."""
    versions: dict[str, str]
    commit: str
    """Commit of the working tree; `+` when files differ from it; `unknown` outside a checkout."""
    command: str
    date: str


def describe() -> Machine:
    """The machine, versions, commit and command of this process."""
    return Machine(
        cpu=f"{cpu_model()} ({', '.join(instructions()) or 'instructions unknown'})",
        cores=usable_cores(),
        memory_gb=round(psutil.virtual_memory().total / 2**30, 1),
        system=platform.platform(),
        load_1m=round(os.getloadavg()[0], 2),
        versions={"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
        commit=_commit(),
        command=" ".join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        date=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def usable_cores() -> int:
    """Logical cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def cpu_model() -> str:
    """The processor's name, as the operating system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown")


def instructions() -> list[str]:
    """Those of INSTRUCTIONS that the processor has; empty where the system does not tell."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return []
    flags = next((line.split(":", 1)[1].split() for line in lines if line.startswith("flags")), [])
    return [name for name in INSTRUCTIONS if name in flags]


def _commit() -> str:
    def git(*arguments: str) -> str:
        folder = Path(__file__).parent
        return subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True).stdout

    try:
        return git("rev-parse", "HEAD").strip() + ("+" if git("status", "--porcelain").strip() else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
