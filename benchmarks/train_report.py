"""The report of `cascade bench train`: one document for machines, a table for people."""

import msgspec
from rich.table import Table

from benchmarks.machine import Machine


class Speed(msgspec.Struct, frozen=True):
    """Rows per second: of all windows together, and of the one in the middle."""

    mean: float
    median: float
    windows: int


class Report(msgspec.Struct, frozen=True):
    """`ray_to_plain` compares the means, Ray's with checkpoints and progress; 1 is no overhead."""

    machine: Machine
    rows: int
    batch: int
    threads: int
    seconds: float
    plain_before: Speed
    ray: Speed
    plain_after: Speed
    ray_to_plain: float
    ray_to_plain_medians: float


def table(report: Report) -> Table:
    """The three runs."""
    result = Table("", "rows/s", "median of windows", "windows", title=f"Training steps on {report.machine.cpu}")
    for name in ("plain_before", "ray", "plain_after"):
        speed: Speed = getattr(report, name)
        result.add_row(name, f"{speed.mean:,.0f}", f"{speed.median:,.0f}", str(speed.windows))
    result.caption = f"Ray Train at {report.ray_to_plain:.3f} of the plain loop ({report.ray_to_plain_medians:.3f})"
    return result
