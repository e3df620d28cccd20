"""`cascade release`: build, list and show releases; make one live, and go back."""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
from cyclopts import App, Parameter
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from cluster.errors import CascadeError, InvalidField
from cluster.live_release import LiveFile, LiveRelease, Trial
from cluster.release import Release, Releases
from cluster.settings import load_settings

if TYPE_CHECKING:
    from deployments.promotion.gates import Verdict

app = App(name="release", help="Build, promote, roll back and list releases.")

Json = Annotated[bool, Parameter(name="--json", negative="", help="Print one JSON document.")]

#: Releases that `prune` leaves at least.
MIN_KEPT = 3


@app.command
def build(*, data: Path | None = None, recipe: str | None = None, json: Json = False) -> None:
    """Train what is not trained yet, and make a release of it.

    Parameters
    ----------
    data
        Folder of source data or of a data set; default: that of the settings.
    recipe
        How models are trained; default: that of the settings.
    """
    from training.pipeline import release_from_data

    release = release_from_data(load_settings(), data, recipe)
    _show(release, json)


@app.command
def promote(
    name: str,
    *,
    shadow: bool = False,
    canary: float | None = None,
    full: bool = False,
    accept: list[str] | None = None,
    json: Json = False,
) -> None:
    """Make a release live for everyone, or try it beside the live one, if it passes the gates.

    Parameters
    ----------
    name
        The release.
    shadow
        Let it answer a share of the requests too, beside the answers that count; `cascade status` compares them.
    canary
        Let it answer so many percent of the users.
    full
        Let it answer everyone; so it is without --shadow and --canary.
    accept
        A gate that it may fail, which is recorded; may be given several times.
    """
    from deployments.promotion.promote import examine
    from deployments.promotion.promote import promote as change

    settings = load_settings()
    trial = _trial(name, shadow, canary, full, settings.promotion.shadow_percent)
    verdicts = examine(settings, name, accept or ())
    if not json:
        _show_verdicts(name, verdicts)
    if refusing := [verdict for verdict in verdicts if verdict.refuses]:
        if json:
            _print_json({"gates": verdicts, "promoted": None})
        told = "; ".join(f"{each.gate}: {each.figure}, must be {each.bound}" for each in refusing)
        raise CascadeError(f"release {name} is refused by {told}", "train or build it again, or see docs/releases.md")
    record = change(settings, name, trial, tuple(verdict.gate for verdict in verdicts if verdict.accepted))
    if json:
        _print_json({"gates": verdicts, "promoted": record})
    else:
        _tell(record)


@app.command
def gates(name: str | None = None, *, json: Json = False) -> None:
    """Tell what the gates say of a release, and change nothing.

    Parameters
    ----------
    name
        The release; default: the newest.
    """
    from deployments.promotion.promote import examine

    settings = load_settings()
    name = name or Releases(settings.releases).newest().name
    verdicts = examine(settings, name)
    if json:
        _print_json(verdicts)
    else:
        _show_verdicts(name, verdicts)


@app.command
def rollback(*, json: Json = False) -> None:
    """End a trial; without one, make the release live again that was before."""
    from deployments.promotion.promote import rollback as change

    record = change(load_settings())
    if json:
        _print_json(record)
    else:
        _tell(record)


@app.command
def prune(*, keep: int, json: Json = False) -> None:
    """Remove old releases, but not the live one, the one before it, and one on trial.

    Parameters
    ----------
    keep
        How many of the newest releases stay, at least 3.
    """
    from deployments.promotion.promote import prune as remove

    if keep < MIN_KEPT:
        raise InvalidField("--keep", keep, f"must be at least {MIN_KEPT}")
    gone = remove(load_settings(), keep)
    if json:
        _print_json({"removed": gone})
    else:
        Console().print("\n".join(f"removed {name}" for name in gone) or "nothing to remove")


@app.command
def triton(name: str | None = None, *, out: Path, json: Json = False) -> None:
    """Add the ranker of a release to a Triton server's model repository, beside those that are there.

    Parameters
    ----------
    name
        The release; default: the live one.
    out
        The repository's folder.
    """
    from deployments.triton.repository import MODEL, write_repository

    releases = Releases(load_settings().releases)
    version = write_repository(releases.get(name or LiveFile(releases.root).need().live), out)
    if json:
        _print_json({"model": MODEL, "version": version.name, "folder": str(version)})
    else:
        Console().print(f"{MODEL} {version.name} in {version}", soft_wrap=True)


@app.command(name="list")
def list_(*, json: Json = False) -> None:
    """List all releases, newest last, and tell which is live."""
    settings = load_settings()
    releases, record = Releases(settings.releases).all(), LiveFile(settings.releases).read()
    if json:
        rows = [
            {
                "release": release.name,
                "created_ms": release.manifest.created_ms,
                "dataset": release.manifest.dataset,
                "recipe": release.manifest.recipe,
                "serves": _serves(release.name, record),
            }
            for release in releases
        ]
        _print_json(rows)
        return
    # A name is what the other commands want: the rest may be cut off where lines are short.
    table = Table(Column("release", no_wrap=True), "serves", "built", "recipe", "data", "data until", "size")
    for release in releases:
        size = sum(file.bytes for file in release.manifest.files.values())
        manifest = release.manifest
        table.add_row(
            release.name,
            _serves(release.name, record),
            _time(manifest.created_ms),
            manifest.recipe,
            manifest.dataset,
            _time(manifest.data_end_ms),
            f"{size / 1e6:.1f} MB",
        )
    Console().print(table if releases else "There is no release yet; `cascade release build` makes one.")


@app.command
def show(name: str | None = None, *, json: Json = False) -> None:
    """Verify a release and show what it is made of.

    Parameters
    ----------
    name
        The release; default: the newest.
    """
    releases = Releases(load_settings().releases)
    release = releases.get(name) if name else releases.newest()
    release.verify()
    _show(release, json)


def _trial(name: str, shadow: bool, canary: float | None, full: bool, shadow_percent: float) -> Trial | None:
    """What is asked for; None for a release that is to answer everyone. Raises InvalidField."""
    if shadow + (canary is not None) + full > 1:
        raise InvalidField("--full", full, "only one of --shadow, --canary and --full may be asked for")
    if canary is not None and not 0 < canary < 100:
        raise InvalidField("--canary", canary, "must be a percentage above 0 and below 100")
    if canary is not None:
        return Trial(name, "canary", canary)
    return Trial(name, "shadow", shadow_percent) if shadow else None


def _serves(name: str, record: LiveRelease | None) -> str:
    """What a release does at the moment, "" for nothing."""
    if record is None:
        return ""
    if record.trial and record.trial.release == name:
        return f"{record.trial.mode} {record.trial.percent:g} %"
    return {record.live: "live", record.previous: "previous"}.get(name, "")


def _show_verdicts(name: str, verdicts: Sequence["Verdict"]) -> None:
    table = Table("gate", "", "figure", "bound", title=f"Release {name}")
    for verdict in verdicts:
        said = "[green]passed[/green]" if verdict.passed else "[red]failed[/red]"
        said = "[yellow]accepted[/yellow]" if verdict.accepted else said
        table.add_row(verdict.gate, said, escape(verdict.figure), escape(verdict.bound))
    Console().print(table)


def _tell(record: LiveRelease) -> None:
    """What is live after a change."""
    console = Console()
    console.print(f"release {record.live} is live")
    if record.trial:
        whom = "the requests" if record.trial.mode == "shadow" else "the users"
        percent = f"{record.trial.percent:g} % of {whom}"
        console.print(f"release {record.trial.release} is on trial: {record.trial.mode}, {percent}")


def _show(release: Release, json: bool) -> None:
    manifest = release.manifest
    if json:
        _print_json(manifest)
        return
    console = Console()
    console.print(f"[bold]{release.name}[/bold]  {release.folder}")
    console.print(f"data      {manifest.dataset}, until {_time(manifest.data_end_ms)}")
    console.print(f"recipe    {manifest.recipe} ({manifest.recipe_fingerprint})")
    console.print(f"heads     {', '.join(manifest.heads)}")
    for scorer, figures in manifest.held_out.get("quality", {}).items():
        console.print(f"{manifest.held_out['day']}  {scorer}: primary {figures['primary']:.4f}")
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
