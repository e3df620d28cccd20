"""Where reports are kept."""

from pathlib import Path
from typing import Final

import msgspec

from benchmarks.reporting.chart import svg
from benchmarks.reporting.document import Document
from benchmarks.reporting.markdown import markdown
from cluster.errors import CascadeError

REPORTS: Final = Path(__file__).parent.parent / "reports"


def write_report(document: Document, folder: Path = REPORTS) -> Path:
    """Write the document as JSON and as Markdown with its charts beside; returns the Markdown file."""
    folder.mkdir(parents=True, exist_ok=True)
    charts = [f"{document.stem}-{c}.svg" for c in range(1, len(document.charts) + 1)]
    for name, chart in zip(charts, document.charts, strict=True):
        (folder / name).write_text(svg(chart))
    (folder / f"{document.stem}.json").write_bytes(msgspec.json.format(msgspec.json.encode(document)) + b"\n")
    page = folder / f"{document.stem}.md"
    page.write_text(markdown(document, charts))
    return page


def read_reports(folder: Path = REPORTS) -> list[Document]:
    """All reports, newest first. Raises CascadeError for a file that is none."""
    found = []
    for path in sorted(folder.glob("*.json"), reverse=True):
        try:
            found.append(msgspec.json.decode(path.read_bytes(), type=Document))
        except msgspec.MsgspecError as error:
            raise CascadeError(f"{path} is no report: {error}", "delete it, or make it again") from None
    return found
