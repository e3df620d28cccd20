"""`cascade release`: build, list and show releases."""

import sys
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from cyclopts import App
from rich.console import Console
from rich.table import Table

from cluster.release import Release, Releases
from cluster.settings import load_settings

app = App(name="release", help="Build, list and show releases.")


@app.command
def build(*, data: Path | None = None, json: bool = False) -> None:
    """Train what is not trained yet, and make a release of it.

    Parameters
    ----------
    data
        Folder of source data or of a data set; default: that of the settings.
    json
        Print the manifest as JSON.
    """
    from training.pipeline import release_from_data

    release = release_from_data(load_settings(), data)
    _show(release, json)


@app.command(name="list")
def list_(*, json: bool = False) -> None:
    """List all releases, newest last."""
    releases = Releases(load_settings().releases).all()
    if json:
        rows = [
            {"release": r.name, "created_ms": r.manifest.created_ms, "dataset": r.manifest.dataset} for r in releases
        ]
        _print_json(rows)
        return
    table = Table("release", "built", "data", "data until", "size")
    for release in releases:
        size = sum(file.bytes for file in release.manifest.files.values())
        manifest = release.manifest
        table.add_row(
            release.name,
            _time(manifest.created_ms),
            manifest.dataset,
            _time(manifest.data_end_ms),
            f"{size / 1e6:.1f} MB",
        )
    Console().print(table if releases else "There is no release yet; `cascade release build` makes one.")


@app.command
def show(name: str | None = None, *, json: bool = False) -> None:
    """Verify a release and show what it is made of.

    Parameters
    ----------
    name
        The release; default: the newest.
    json
        Print the manifest as JSON.
    """
    releases = Releases(load_settings().releases)
    release = releases.get(name) if name else releases.newest()
    release.verify()
    _show(release, json)


def _show(release: Release, json: bool) -> None:
    manifest = release.manifest
    if json:
        _print_json(manifest)
        return
    console = Console()
    console.print(f"[bold]{release.name}[/bold]  {release.folder}")
    console.print(f"data      {manifest.dataset}, until {_time(manifest.data_end_ms)}")
    console.print(f"heads     {', '.join(manifest.heads)}")
    lacking = [name for name, share in manifest.coverage.items() if share == 0]
    console.print(f"features  {len(manifest.features)}, {len(lacking)} of them without data")
    files = Table("file", "bytes", "sha256")
    for name, file in manifest.files.items():
        files.add_row(name, f"{file.bytes:,}", file.sha256[:16])
    console.print(files)
    console.print("All files agree with their checksums.")


def _time(unix_ms: int) -> str:
    return datetime.fromtimestamp(unix_ms / 1e3, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _print_json(value: object) -> None:
    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")
