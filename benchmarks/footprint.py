"""`cascade bench footprint`: what users, posts and events take in memory and on disk."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console

from benchmarks.documents.footprint import footprint_document
from benchmarks.footprint_posts import measure_catalogue, measure_release
from benchmarks.footprint_report import Footprint, table
from benchmarks.footprint_stores import weigh_stores
from benchmarks.machine import describe
from benchmarks.telling import Dated, tell
from cluster.errors import InvalidField
from cluster.live_release import LiveFile
from cluster.release import Releases
from cluster.settings import load_settings
from deployments.loaded_release import LoadedRelease
from training.data.dataset import DataSet

LARGEST = 10_000_000


def footprint(
    data: Path,
    *,
    posts: str = "50000,200000",
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
    out: Path | None = None,
    dated: Dated = False,
) -> None:
    """Weigh users, events and posts in stores of their own, and catalogues of the live release's kind of posts.

    The last line is one JSON document. Cascade need not be up.

    Parameters
    ----------
    data
        Folder of the data set whose users and events are weighed.
    posts
        Sizes of catalogues, as 50000,200000.
    as_json
        Print the JSON document only.
    out
        File that gets the document too.
    dated
        Write a dated report too, in `benchmarks/reports/`.
    """
    sizes = parse_sizes(posts)
    settings, say = load_settings(), Console(stderr=True).print
    found = Releases(settings.releases).get(LiveFile(settings.releases).need().live)
    say(f"users, posts and events of {data} ...")
    user, event, post = weigh_stores(DataSet.open(data), settings.store, settings.events)
    release = LoadedRelease.load(found)
    mapped = measure_release(found.folder, len(release.user_ids), len(release.posts))
    costs = []
    for size in sizes:
        say(f"a catalogue of {size} posts ...")
        costs.append(measure_catalogue(release, size))
    report = Footprint("footprint", describe(), str(data), user, event, post, mapped, costs)
    tell(report, None if as_json else table(report), out, footprint_document(report) if dated else None)


def parse_sizes(text: str, field: str = "posts") -> list[int]:
    """Raises InvalidField, of `field`, unless `text` is whole numbers with commas."""
    parts = text.split(",")
    if not all(part.strip().isdecimal() and 0 < int(part) <= LARGEST for part in parts):
        raise InvalidField(field, text, f"must be sizes from 1 to {LARGEST}, such as 50000,200000")
    return [int(part) for part in parts]
