"""Releases made of another one, with something changed."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from cluster.release import Release, Releases


def unchanged(part: Path) -> None:
    """A second release like the first one."""


def with_popular_reversed(part: Path) -> None:
    change(part / "popular.npy", lambda rows: rows[::-1])


def change(path: Path, how: Callable[[np.ndarray], np.ndarray]) -> None:
    """Put another array in the place of one."""
    np.save(path, how(np.load(path)))


def resealed(releases: Releases, original: Release, how: Callable[[Path], None] = unchanged, **told: Any) -> Release:
    """A release of the files of `original`, with what `how` does to them, and a manifest that tells `told`."""
    manifest = msgspec.structs.asdict(original.manifest) | told
    for name in ("release", "format", "created_ms", "files"):
        del manifest[name]
    with releases.building() as part:
        shutil.copytree(original.folder, part, dirs_exist_ok=True)
        (part / "manifest.json").unlink()
        how(part)
        return releases.seal(part, **manifest)
