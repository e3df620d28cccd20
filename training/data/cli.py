"""`cascade data`: import, synthesise and describe data sets."""

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from cluster.settings import Settings, load_settings

app = App(name="data", help="Import, synthesise and describe data sets.")

Out = Annotated[Path | None, Parameter(help="Folder of the data set; by default one below the settings' home.")]
Json = Annotated[bool, Parameter(name="--json", negative="", help="Print one JSON document.")]


@app.command(name="import")
def import_(
    src: Path,
    *,
    out: Out = None,
    name: str | None = None,
    utc_offset_minutes: int = 0,
    base: Path | None = None,
    as_json: Json = False,
) -> None:
    """Import a folder: KuaiRand-Pure, an archive of events, or tables in Cascade's schema (Parquet or CSV).

    Parameters
    ----------
    src
        Folder with posts, users and impressions, with KuaiRand-Pure's files, or with an archive's `events`.
    name
        Name of the data set; by default that of its folder.
    utc_offset_minutes
        Local time of the people in your tables; KuaiRand's is known.
    base
        Data set whose posts and users an archive's events are about; by default the archive's `base`.
    """
    from training.data.formats import import_any
    from training.data.progress import bars
    from training.data.report import report

    target = out or Settings().datasets / (name or src.resolve().name)
    with bars() as progress:
        data = import_any(src, target, name, utc_offset_minutes, progress, base)
    report(data, as_json)


@app.command
def synth(
    *,
    users: int = 2_000,
    posts: int = 3_000,
    days: int = 14,
    seed: int = 1,
    drift: float = 0.0,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Make a synthetic world whose truth is known. The same parameters give the same files.

    Parameters
    ----------
    users
        People, one in ten of whom is a creator.
    posts
        Posts published over the logged days and the three weeks before.
    days
        Days of impressions.
    seed
        Seed of all random numbers.
    drift
        Radians by which every taste turns per day.
    """
    from training.data.progress import bars
    from training.data.report import report
    from training.data.synth.parameters import Parameters
    from training.data.synth.synthesis import synthesise

    parameters = Parameters(users, posts, days, seed, drift)
    target = out or Settings().datasets / f"synthetic-{users}-{posts}-{days}-{seed}"
    with bars() as progress:
        data = synthesise(parameters, target, progress=progress)
    report(data, as_json)


@app.command
def show(folder: Path, *, as_json: Json = False) -> None:
    """Describe a data set: rows, days, and which columns have values.

    Parameters
    ----------
    folder
        Folder of the data set.
    """
    from training.data.dataset import DataSet
    from training.data.report import report

    report(DataSet.open(folder), as_json)


@app.command
def forget(*, user: list[int], as_json: Json = False) -> None:
    """Remove all records of users from the event log and the archive, once they are erased over HTTP.

    Parameters
    ----------
    user
        Id of a user; repeat it for more than one.
    """
    from training.data.forget import forget as forget_users
    from training.data.progress import bars
    from training.data.report import report_forgotten

    with bars() as progress:
        forgotten = forget_users(user, load_settings(), progress)
    report_forgotten(forgotten, as_json)
