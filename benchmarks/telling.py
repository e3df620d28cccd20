"""How every benchmark ends: tables for people, a file if one is wanted, and one line of JSON, always."""

import sys
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console, RenderableType


def tell(report: Any, tables: RenderableType | None, out: Path | None = None) -> None:
    """Print `tables`, unless there are none; write `report` to `out`; and print it as the last line. NaN is null."""
    document = msgspec.json.encode(report)
    if tables is not None:
        Console().print(tables)
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_bytes(msgspec.json.format(document, indent=2) + b"\n")
    sys.stdout.write(document.decode() + "\n")
