"""The dated report of `cascade bench train`."""

from benchmarks.reporting.document import Bars, Document, Figure, Grid
from benchmarks.train_report import Report

_NAMES = {"ray": "Ray Train", "plain_before": "plain loop, before", "plain_after": "plain loop, after"}


def train_document(report: Report) -> Document:
    """What Ray Train costs, for people."""
    speeds = {said: getattr(report, name) for name, said in _NAMES.items()}
    return Document(
        benchmark="train",
        title="Training steps on Ray Train",
        summary=f"Ray Train with one worker at {report.ray_to_plain:.2f} of a plain PyTorch loop.",
        figures=[
            Figure("Ray Train", f"{report.ray.mean:,.0f} rows/s", f"{report.ray_to_plain:.2f} of the plain loop"),
            Figure("by medians", f"{report.ray_to_plain_medians:.2f}", "of windows of steps"),
        ],
        machine=report.machine,
        settings={"rows": report.rows, "batch": report.batch, "threads": report.threads, "seconds": report.seconds},
        tables=[
            Grid(
                "Rows a second",
                ["", "mean", "median of windows", "windows"],
                [[name, f"{s.mean:,.0f}", f"{s.median:,.0f}", str(s.windows)] for name, s in speeds.items()],
            )
        ],
        charts=[Bars("Rows a second", "rows/s", list(speeds), [speed.mean for speed in speeds.values()])],
        notes=["The ranker's own network, loss and optimiser; Ray Train's with its progress and its checkpoints."],
        not_reported=["several workers", "GPUs"],
    )
