"""The report of `cascade bench ranker`: one document for machines, one table for people."""

from typing import Final

import msgspec
from rich.table import Table

from benchmarks.machine import Machine

#: Posts of a feed.
TOP: Final = 50


class HeadError(msgspec.Struct, frozen=True):
    """Differences of predictions from those in fp32."""

    largest: float
    mean: float


class Result(msgspec.Struct, frozen=True):
    """One way to compute the ranker. Times are medians of contenders that take turns."""

    request_us: float  # one request
    together_us: float  # a request of several that are predicted together
    heads: dict[str, HeadError]
    correlation: float  # of the ranks by utility with those in fp32 (Spearman), mean over requests
    overlap: float  # share of the first TOP in fp32 that are among its first TOP, mean over requests


class Report(msgspec.Struct, frozen=True):
    benchmark: str
    machine: Machine
    release: str
    candidates: int
    together: int
    instructions: list[str]  # of the processor, that less precision can use
    results: dict[str, Result]


def worst(result: Result) -> str:
    """The largest error, and its head."""
    head = max(result.heads, key=lambda name: result.heads[name].largest)
    return f"{result.heads[head].largest:.2g} ({head})"


def table(report: Report) -> Table:
    """A row for each way."""
    shown = Table(title=f"Ranker of {report.release}, {report.candidates} candidates, on {report.machine.cpu}")
    shown.add_column("")
    columns = (
        "us a request",
        f"us, {report.together} together",
        "largest error",
        "rank correlation",
        f"top {TOP} kept",
    )
    for column in columns:
        shown.add_column(column, justify="right")
    for name, result in report.results.items():
        shown.add_row(
            name,
            f"{result.request_us:.0f}",
            f"{result.together_us:.0f}",
            worst(result),
            f"{result.correlation:.6f}",
            f"{result.overlap:.2%}",
        )
    return shown
