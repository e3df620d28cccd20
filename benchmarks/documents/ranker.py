"""The dated report of `cascade bench ranker`."""

from benchmarks.ranker_report import TOP, Report, worst
from benchmarks.reporting.document import Bars, Document, Figure, Grid


def ranker_document(report: Report) -> Document:
    """What less precision brings and costs, for people."""
    results = report.results
    rows = [
        [
            name,
            f"{each.request_us:.0f}",
            f"{each.together_us:.0f}",
            worst(each),
            f"{each.correlation:.6f}",
            f"{each.overlap:.2%}",
        ]
        for name, each in results.items()
    ]
    columns = ["", "us", f"us, {report.together} together", "largest error", "rank correlation", f"top {TOP} kept"]
    return Document(
        benchmark="ranker",
        title="The ranker in each precision",
        summary="What a request takes, and what that does to predictions and to the order by utility, beside fp32.",
        figures=[Figure(name, f"{each.request_us:.0f} us", f"errs by {worst(each)}") for name, each in results.items()],
        machine=report.machine,
        settings={"release": report.release, "candidates": report.candidates},
        tables=[Grid("A request", columns, rows)],
        charts=[Bars("A request", "us", list(results), [each.request_us for each in results.values()], alike=True)],
        notes=[
            "Contenders take turns, request by request, on one thread. Watch time errs in seconds.",
            f"For less precision the processor has: {', '.join(report.instructions) or 'nothing that is known'}.",
        ],
        not_reported=["GPUs"],
    )
