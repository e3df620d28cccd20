"""The dated report of `cascade bench kernels`."""

from benchmarks.kernels_report import Report
from benchmarks.reporting.document import Bars, Document, Figure, Grid


def kernels_document(report: Report) -> Document:
    """What was measured of kernels, for people."""
    rows = [
        [
            result.name,
            f"{result.kernel.p50_us:.1f}",
            f"{result.kernel.p99_us:.1f}",
            f"{result.numpy.p50_us:.1f}",
            f"{result.times_faster_than_numpy:.1f}x",
            f"{result.least_us:.1f}",
            f"{result.share_of_least:.0%}",
            ", ".join(f"{who} {latency.p50_us:.1f}" for who, latency in result.references.items()),
            result.size,
        ]
        for result in report.kernels
    ]
    columns = ["kernel", "p50", "p99", "NumPy twin p50", "faster", "least", "reached", "others p50", "size"]
    return Document(
        benchmark="kernels",
        title="Kernels of the hot path",
        summary="What each kernel takes at serving size, beside its NumPy twin and the least that the machine allows.",
        figures=[
            Figure(r.name, f"{r.kernel.p50_us:.0f} us", f"{r.times_faster_than_numpy:.1f}x as fast as NumPy")
            for r in report.kernels
        ],
        machine=report.machine,
        settings={},
        tables=[Grid("Microseconds a call", columns, rows)],
        charts=[
            Bars(
                "Times as fast as the NumPy twin",
                "x",
                [result.name for result in report.kernels],
                [result.times_faster_than_numpy for result in report.kernels],
                alike=True,
            )
        ],
        notes=[
            "Contenders take turns, call by call. `least` is what a call must take: entering the kernel, then its "
            "memory at copy bandwidth or its loads at the core's load rate."
        ],
        not_reported=[],
    )
