"""The report of `cascade bench footprint`: one document for machines, a table for people."""

import msgspec
from rich.table import Table

from benchmarks.footprint_posts import CatalogueCost, ReleaseBytes
from benchmarks.footprint_stores import EventBytes, PostBytes, UserBytes
from benchmarks.machine import Machine


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


def bytes_of(report: Footprint) -> list[tuple[str, float]]:
    """What there is one of, and its bytes."""
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
    return rows


def table(report: Footprint) -> Table:
    """Bytes of everything, and searches."""
    result = Table(title="Bytes of one, and the search for the 300 nearest", box=None, padding=(0, 1))
    result.add_column("what")
    result.add_column("bytes", justify="right")
    for name, size in bytes_of(report):
        result.add_row(name, f"{size:,.0f}")
    return result
