"""What `cascade bench retrieval` measures, and how it is shown."""

import msgspec
from rich.table import Table

from benchmarks.machine import Machine


class Searched(msgspec.Struct, frozen=True):
    """Searches with one effort, one query at a time on one thread."""

    effort: int
    recall: float
    """Share of the exact neighbours that were found."""
    searches_per_s: float
    p50_us: float
    p99_us: float


class Built(msgspec.Struct, frozen=True):
    """An index over `posts` posts."""

    kind: str
    posts: int
    build_s: float
    bytes_a_post: float
    effort: str
    searched: list[Searched]

    def quickest(self, recall: float) -> Searched | None:
        """The least effort that finds so much."""
        return next((each for each in self.searched if each.recall >= recall), None)


class Report(msgspec.Struct, frozen=True):
    benchmark: str
    machine: Machine
    dim: int
    k: int
    queries: int
    indexes: list[Built]


def table(report: Report) -> Table:
    """A row for each effort."""
    title = f"The {report.k} nearest by inner product, {report.dim} numbers a post, one thread"
    result = Table(title=title, box=None, padding=(0, 1), pad_edge=False)
    for heading in ("posts", "index", "effort", "recall", "searches/s", "p50 us", "p99 us", "bytes/post", "built in s"):
        result.add_column(heading, justify="left" if heading in ("index", "effort") else "right")
    for built in report.indexes:
        for s, each in enumerate(built.searched):
            of_index = (f"{built.bytes_a_post:g}", f"{built.build_s:g}") if s == 0 else ("", "")
            result.add_row(
                f"{built.posts:,}" if s == 0 else "",
                built.kind if s == 0 else "",
                f"{each.effort} {built.effort}" if built.effort else "",
                f"{each.recall:.3f}",
                f"{each.searches_per_s:,.0f}",
                f"{each.p50_us:,.0f}",
                f"{each.p99_us:,.0f}",
                *of_index,
            )
    return result
