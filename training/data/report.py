"""Data sets, and what was done to data, described to people or as JSON to programs."""

import sys
from datetime import UTC, datetime, timedelta

import msgspec
from rich.console import Console
from rich.table import Table

from training.data.dataset import DataSet
from training.data.forget import Forgotten
from training.data.schema import TABLES


def report(data: DataSet, as_json: bool) -> None:
    """Write rows, time range and coverage of a data set to stdout."""
    if as_json:
        document = {"folder": str(data.folder), **msgspec.to_builtins(data.manifest)}
        sys.stdout.write(msgspec.json.encode(document).decode() + "\n")
        return
    manifest = data.manifest
    console = Console(file=sys.stdout, highlight=False)
    console.print(f"[bold]{manifest.name}[/bold] in {data.folder} ({manifest.source['kind']})")
    console.print(f"{_local(data, manifest.start_ms)} to {_local(data, manifest.end_ms)}, local time")
    table = Table("table", "rows", "column", "with a value")
    for schema in TABLES.values():
        if not data.has(schema.name):
            table.add_row(schema.name, "absent", "", "")
            continue
        rows = f"{manifest.rows[schema.name]:,}"
        for i, column in enumerate(schema.columns):
            share = manifest.coverage[f"{schema.name}.{column.name}"]
            shown = f"{share:.1%}" if share else "-"
            table.add_row(*((schema.name, rows) if i == 0 else ("", "")), column.name, shown)
        table.add_section()
    console.print(table)


def report_forgotten(forgotten: Forgotten, as_json: bool) -> None:
    """Write to stdout what was removed of users."""
    if as_json:
        sys.stdout.write(msgspec.json.encode(forgotten).decode() + "\n")
        return
    console = Console(file=sys.stdout, highlight=False)
    console.print(f"{_number(forgotten.rows, 'row')} removed from {_number(forgotten.files, 'file')} of the archive")
    if forgotten.log_entries is None:
        console.print("[red]the event log was not searched[/red]: run it again when Cascade is up")
    else:
        console.print(f"{_number(forgotten.log_entries, 'record')} removed from the event log")


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _local(data: DataSet, time_ms: int) -> str:
    local = datetime.fromtimestamp(time_ms / 1000, UTC) + timedelta(minutes=data.manifest.utc_offset_minutes)
    return f"{local:%Y-%m-%d %H:%M}"
