"""The dated report of `cascade bench footprint`."""

from pathlib import Path

from benchmarks.footprint_report import Footprint, bytes_of
from benchmarks.reporting.document import Bars, Document, Figure, Grid


def footprint_document(report: Footprint) -> Document:
    """What everything takes, for people."""
    sizes, largest = bytes_of(report), report.catalogues[-1]
    return Document(
        benchmark="footprint",
        title="Memory and disk",
        summary="What users, posts and events take, and searches by the size of the catalogue.",
        figures=[
            Figure("user in the state store", f"{report.user.stored:,.0f} bytes"),
            Figure("event in the event store", f"{report.event.memory:,.0f} bytes"),
            Figure(
                f"search of {largest.posts:,} posts",
                f"{largest.search_ms:.2f} ms",
                f"{largest.kind}, {largest.index:,.0f} bytes a post",
            ),
        ],
        machine=report.machine,
        settings={"dataset": Path(report.dataset).name, "posts": [cost.posts for cost in report.catalogues]},
        tables=[Grid("Bytes of one", ["what", "bytes"], [[name, f"{size:,.0f}"] for name, size in sizes])],
        charts=[Bars("Bytes of one", "bytes", [name for name, _ in sizes], [size for _, size in sizes], alike=True)],
        notes=["A search is for the 300 nearest, on one thread; its time is the median of CPU time."],
        not_reported=["memory that Ray takes for itself"],
    )
