"""A report as Markdown, for people who read the repository."""

from collections.abc import Sequence

from benchmarks.reporting.document import Document, Grid


def markdown(document: Document, charts: Sequence[str]) -> str:
    """The report, with its charts as images in files of these names."""
    machine = document.machine
    parts = [f"# {document.title}", document.summary]
    if document.figures:
        parts.append(
            "\n".join(f"* {f.label}: **{f.value}**{f' ({f.note})' if f.note else ''}" for f in document.figures)
        )
    parts += [f"![{chart.title}]({name})" for chart, name in zip(document.charts, charts, strict=True)]
    parts += [f"## {table.title}\n\n{_table(table)}" for table in document.tables]
    if document.notes:
        parts.append("## How to read it\n\n" + _list(document.notes))
    if document.not_reported:
        parts.append("## Not reported\n\n" + _list(document.not_reported))
    versions = ", ".join(f"{name} {version}" for name, version in machine.versions.items())
    where = [
        f"{machine.date}, commit `{machine.commit}`",
        f"{machine.cpu}, {machine.cores} cores, {machine.memory_gb:g} GiB, {machine.system}",
        f"load average before it: {machine.load_1m:g}",
        versions,
        "settings: " + ", ".join(f"{name} {value}" for name, value in document.settings.items()),
    ]
    parts.append("## Where and how\n\n```sh\n" + machine.command + "\n```\n\n" + _list(where))
    return "\n\n".join(parts) + "\n"


def _list(lines: Sequence[str]) -> str:
    return "\n".join(f"* {line}" for line in lines)


def _table(table: Grid) -> str:
    def row(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"

    alignment = "|---" + "|--:" * (len(table.columns) - 1) + "|"
    return "\n".join([row(table.columns), alignment, *(row(cells) for cells in table.rows)])
