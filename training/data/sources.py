"""Where a data set came from, in enough detail to tell whether the source has changed since."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

#: Raised when importers or the synthetic world come to write something else from the same source.
VERSION: Final = 1


def describe(kind: str, files: Iterable[Path], **parameters: Any) -> dict[str, Any]:
    """The `source` entry of a manifest: kind, version, parameters, and name, size and time of change of each file."""
    listed = [
        {"name": path.name, "size": path.stat().st_size, "modified_ns": path.stat().st_mtime_ns}
        for path in sorted(files)
    ]
    return {"kind": kind, "version": VERSION, **parameters, "files": listed}
