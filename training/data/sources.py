"""Where a data set came from, in enough detail to tell whether the source has changed since."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any


def describe(kind: str, files: Iterable[Path], **parameters: Any) -> dict[str, Any]:
    """The `source` entry of a manifest: kind, parameters, and name, size and time of change of each file."""
    listed = [
        {"name": path.name, "size": path.stat().st_size, "modified_ns": path.stat().st_mtime_ns}
        for path in sorted(files)
    ]
    return {"kind": kind, **parameters, "files": listed}
