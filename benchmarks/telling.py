"""How every benchmark ends: tables for people, files if they are wanted, and one line of JSON, always."""

import sys
from pathlib import Path
from typing import Annotated, Any

import msgspec
from cyclopts import Parameter
from rich.console import Console, RenderableType

from benchmarks.reporting.document import Document
from benchmarks.reporting.files import write_report

#: The option of every benchmark that asks for a dated report.
Dated = Annotated[bool, Parameter(name="--report", negative="")]


def tell(report: Any, tables: RenderableType | None, out: Path | None = None, dated: Document | None = None) -> None:
    """Print `tables`, unless there are none; write `report` to `out`, and `dated` among the dated reports; and print
    `report` as the last line. NaN is null.
    """
    document = msgspec.json.encode(report)
    if tables is not None:
        Console().print(tables)
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_bytes(msgspec.json.format(document, indent=2) + b"\n")
    if dated is not None:
        sys.stderr.write(f"report: {write_report(dated)}\n")
    sys.stdout.write(document.decode() + "\n")
