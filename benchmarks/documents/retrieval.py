"""The dated report of `cascade bench retrieval`."""

from typing import Final

from benchmarks.reporting.document import Document, Figure, Grid, Lines, Series
from benchmarks.retrieval_kinds import BUILDERS
from benchmarks.retrieval_report import Report

#: The recall at which indexes are compared.
ENOUGH: Final = 0.95


def retrieval_document(report: Report) -> Document:
    """What was measured of indexes, for people."""
    sizes = sorted({built.posts for built in report.indexes})
    return Document(
        benchmark="retrieval",
        title="Nearest neighbours: recall against speed",
        summary=f"The {report.k} posts nearest to a user's vector, by kinds of indexes and sizes of catalogues.",
        figures=[figure for posts in sizes for figure in _figures(report, posts)],
        machine=report.machine,
        settings={"dim": report.dim, "k": report.k, "queries": report.queries},
        tables=[
            Grid(
                f"{posts:,} posts",
                ["index", "effort", "recall", "searches/s", "p50 us", "p99 us", "bytes/post", "built in s"],
                [
                    [
                        built.kind,
                        f"{each.effort} {built.effort}" if built.effort else "",
                        f"{each.recall:.3f}",
                        f"{each.searches_per_s:,.0f}",
                        f"{each.p50_us:,.0f}",
                        f"{each.p99_us:,.0f}",
                        f"{built.bytes_a_post:g}",
                        f"{built.build_s:g}",
                    ]
                    for built in report.indexes
                    if built.posts == posts
                    for each in built.searched
                ],
            )
            for posts in sizes
        ],
        charts=[
            Lines(
                f"Searches a second by recall, {posts:,} posts",
                f"recall@{report.k}",
                "searches/s, one thread",
                [
                    Series(built.kind, [s.recall for s in built.searched], [s.searches_per_s for s in built.searched])
                    for built in report.indexes
                    if built.posts == posts
                ],
            )
            for posts in sizes
        ],
        notes=[
            "One query at a time on one thread, as a feed server asks. Vectors are synthetic: unit vectors around "
            "1,000 common centres, and queries like them. Recall is of the exact neighbours of the same queries.",
            f"Indexes are built by {BUILDERS} threads.",
        ],
        not_reported=["GPU indexes", "searches beside other work", "ScaNN, which has no wheel that goes with the rest"],
    )


def _figures(report: Report, posts: int) -> list[Figure]:
    """The kind that is quickest at ENOUGH recall, beside exact search."""
    found = [(each, built) for built in report.indexes if built.posts == posts if (each := built.quickest(ENOUGH))]
    if not found:
        return []
    each, built = max(found, key=lambda pair: pair[0].searches_per_s)
    exact = next((other for other, its in found if its.kind == "Flat"), None)
    note = f"{built.kind} at recall {each.recall:.3f}"
    if exact is not None:
        note += f", {each.searches_per_s / exact.searches_per_s:.1f}x exact search"
    return [Figure(f"{posts:,} posts", f"{each.p50_us:.0f} us", note)]
