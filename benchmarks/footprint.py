"""`cascade bench footprint`: what users, posts and events take in memory and on disk."""

from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import Parameter
from rich.console import Console
from rich.table import Table

from benchmarks.footprint_posts import CatalogueCost, ReleaseBytes, measure_catalogue, measure_release
from benchmarks.footprint_stores import EventBytes, PostBytes, UserBytes, weigh_stores
from benchmarks.machine import Machine, describe
from benchmarks.telling import tell
from cluster.errors import InvalidField
from cluster.live_release import LiveFile
from cluster.release import Releases
from cluster.settings import load_settings
from deployments.loaded_release import LoadedRelease
from training.data.dataset import DataSet

LARGEST = 10_000_000


class Footprint(msgspec.Struct, frozen=True):
    """The report."""

    benchmark: str
    machine: Machine
    dataset: str
    user: UserBytes
    event: EventBytes
    post: PostBytes
    release: ReleaseBytes
    catalogues: list[CatalogueCost]


def footprint(
    data: Path,
    *,
    posts: str = "50000,200000",
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
    out: Path | None = None,
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
    tell(report, None if as_json else table(report), out)


def parse_sizes(text: str) -> list[int]:
    """Raises InvalidField unless `text` is whole numbers with commas."""
    parts = text.split(",")
    if not all(part.strip().isdecimal() and 0 < int(part) <= LARGEST for part in parts):
        raise InvalidField("posts", text, f"must be sizes from 1 to {LARGEST}, such as 50000,200000")
    return [int(part) for part in parts]


def table(report: Footprint) -> Table:
    """Bytes of everything, and searches."""
    result = Table(title="Bytes of one, and the search for the 300 nearest", box=None, padding=(0, 1))
    result.add_column("what")
    result.add_column("bytes", justify="right")
    user, event = report.user, report.event
    rows = [
        ("user, packed: mean", user.mean),
        ("user, packed: full rings", user.full),
        ("user in the state store", user.stored),
        ("event in the event store", event.memory),
        ("event in its append-only file", event.appended),
        ("event in the archive", event.archived),
        ("post in the event store", report.post.record),
        ("counters of a post or author in the state store", report.post.counters),
        ("user in the release", report.release.user),
        ("post in the release", report.release.post),
    ]
    for cost in report.catalogues:
        rows += [
            (f"post of {cost.posts} in a replica: columns", cost.columns),
            (f"post of {cost.posts} in a replica: {cost.kind}, {cost.search_ms:.3f} ms a search", cost.index),
        ]
    for name, size in rows:
        result.add_row(name, f"{size:,.0f}")
    return result
