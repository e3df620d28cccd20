"""The report of `cascade bench kernels`: one document for machines, one table for people."""

import msgspec
from rich.table import Table

from benchmarks.machine import Machine


class Latency(msgspec.Struct, frozen=True):
    """Microseconds per call."""

    p50_us: float
    p99_us: float


class Result(msgspec.Struct, frozen=True):
    """One kernel's figures. `least_us` is what a call must take: entering the kernel, then its memory or loads."""

    name: str
    size: str
    kernel: Latency
    numpy: Latency
    references: dict[str, Latency]
    times_faster_than_numpy: float
    call_us: float  # an empty kernel with the same arguments
    memory_us: float  # the bytes that have to be touched, at copy bandwidth for a table of their size
    loads_us: float  # the scalar loads that have to be made, at the core's load rate
    least_us: float
    share_of_least: float
    calls: int


class Report(msgspec.Struct, frozen=True):
    machine: Machine
    loads_per_s: float
    kernels: list[Result]


def table(report: Report) -> Table:
    """One row a kernel."""
    result_table = Table(title=f"Microseconds per call on {report.machine.cpu}")
    result_table.add_column("kernel")
    for column in ("p50", "p99", "NumPy p50", "NumPy p99", "faster", "least", "reached"):
        result_table.add_column(column, justify="right")
    result_table.add_column("bound by, size, references")
    for result in report.kernels:
        bound = "memory" if result.memory_us > result.loads_us else "loads"
        bound = "the call itself" if result.call_us > max(result.memory_us, result.loads_us) else bound
        notes = [f"{bound}; {result.size}"]
        notes += [f"{who}: {latency.p50_us:.1f} / {latency.p99_us:.1f}" for who, latency in result.references.items()]
        result_table.add_row(
            result.name,
            *(f"{us:.1f}" for us in msgspec.structs.astuple(result.kernel) + msgspec.structs.astuple(result.numpy)),
            f"{result.times_faster_than_numpy:.1f}x",
            f"{result.least_us:.1f}",
            f"{result.share_of_least:.0%}",
            "\n".join(notes),
        )
    return result_table
