"""`cascade bench report`: all dated reports as one page."""

from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import Parameter
from rich.console import Console

from benchmarks.reporting.files import REPORTS, read_reports
from benchmarks.reporting.page import page
from cluster.errors import CascadeError


def report(
    *,
    folder: Path = REPORTS,
    out: Path | None = None,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """One HTML page of all dated reports, which needs nothing else.

    Parameters
    ----------
    folder
        Where the reports are.
    out
        The page; by default `index.html` in that folder.
    as_json
        Print one JSON document.
    """
    documents = read_reports(folder)
    if not documents:
        raise CascadeError(f"there are no reports in {folder}", "make one, as by `cascade bench serve --report`")
    path = out or folder / "index.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page(documents))
    if as_json:
        Console(soft_wrap=True).print_json(msgspec.json.encode({"page": str(path), "reports": len(documents)}).decode())
    else:
        Console().print(f"{len(documents)} reports: {path}", soft_wrap=True)
