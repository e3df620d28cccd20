"""All reports as one HTML page that needs nothing else: the latest of each benchmark, and the older ones behind it."""

import re
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Final

from benchmarks.reporting.chart import svg
from benchmarks.reporting.document import Document, Grid

_CSS: Final = Path(__file__).with_name("page.css")
#: Tables of more rows are folded.
_LONG: Final = 16
#: Columns with longer cells are text.
_NUMBER: Final = 24


def page(documents: Sequence[Document]) -> str:
    """The page of `documents`, newest first."""
    by_benchmark: dict[str, list[Document]] = {}
    for document in documents:
        by_benchmark.setdefault(document.benchmark, []).append(document)
    links = "".join(f'<a href="#{name}">{escape(name)}</a>' for name in by_benchmark)
    articles = "".join(_benchmark(name, its) for name, its in by_benchmark.items())
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1"><title>Cascade: benchmarks</title>'
        f"<style>{_CSS.read_text()}</style></head><body><header><h1>Cascade, measured</h1>"
        f"<p>{len(documents)} reports of {len(by_benchmark)} benchmarks, the latest of each first.</p>"
        f"<nav>{links}</nav>"
        f"</header><main>{articles}<footer>Made by <code>cascade bench report</code>.</footer></main></body></html>\n"
    )


def _benchmark(name: str, documents: Sequence[Document]) -> str:
    latest, *older = documents
    behind = "".join(f"<article>{_report(document)}</article>" for document in older)
    if behind:
        behind = f'<details class="older"><summary>{len(older)} older</summary>{behind}</details>'
    return f'<article id="{escape(name)}">{_report(latest)}{behind}</article>'


def _report(document: Document) -> str:
    machine = document.machine
    where = (
        f"{machine.date[:16].replace('T', ' ')} · commit {machine.commit[:9]} · {machine.cores} cores, {machine.cpu}"
    )
    charts = "".join(f"<div>{svg(chart)}</div>" for chart in document.charts)
    return "".join(
        [
            f'<h2>{escape(document.title)}</h2><p class="when">{escape(where)}</p>',
            f'<p class="summary">{_text(document.summary)}</p>',
            _figures(document),
            f'<div class="charts">{charts}</div>' if charts else "",
            *(_table(table) for table in document.tables),
            _behind(document),
        ]
    )


def _figures(document: Document) -> str:
    cards = "".join(
        f'<div><dt>{escape(figure.label)}</dt><dd class="value">{escape(figure.value)}</dd>'
        f'<dd class="note">{escape(figure.note)}</dd></div>'
        for figure in document.figures
    )
    return f'<dl class="figures">{cards}</dl>' if cards else ""


def _table(table: Grid) -> str:
    texts = [any(len(row[c]) > _NUMBER for row in table.rows) for c in range(len(table.columns))]
    head = _row("th", table.columns, texts)
    rows = "".join(_row("td", row, texts) for row in table.rows)
    body = f'<div class="wide"><table><thead>{head}</thead><tbody>{rows}</tbody></table></div>'
    if len(table.rows) > _LONG:
        return f"<details><summary>{escape(table.title)}</summary>{body}</details>"
    return f"<h3>{escape(table.title)}</h3>{body}"


def _row(tag: str, cells: Sequence[str], texts: Sequence[bool]) -> str:
    kinds = (' class="text"' if text else "" for text in texts)
    return (
        f"<tr>{''.join(f'<{tag}{kind}>{escape(cell)}</{tag}>' for kind, cell in zip(kinds, cells, strict=True))}</tr>"
    )


def _behind(document: Document) -> str:
    machine = document.machine
    versions = ", ".join(f"{name} {version}" for name, version in machine.versions.items())
    settings = ", ".join(f"{name} {value}" for name, value in document.settings.items())
    machine_line = f"{machine.memory_gb:g} GiB, {machine.system}; load average before it {machine.load_1m:g}"
    lists = {
        "How to read it": document.notes,
        "Not reported": document.not_reported,
        "Where and how": [machine_line, versions, f"settings: {settings}" if settings else ""],
    }
    parts = [
        f"<h3>{title}</h3><ul>" + "".join(f"<li>{_text(line)}</li>" for line in lines if line) + "</ul>"
        for title, lines in lists.items()
        if lines
    ]
    command = f"<pre>{escape(machine.command)}</pre>"
    return (
        f"<details><summary>How it was measured, and what is not reported</summary>{command}{''.join(parts)}</details>"
    )


def _text(line: str) -> str:
    """A line of text, in which backquotes mark code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(line))
