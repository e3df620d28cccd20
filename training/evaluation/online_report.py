"""What `cascade evaluate online` tells people."""

from collections.abc import Iterator
from typing import Final

from rich.table import Table

from training.evaluation.online import OnlineResult

FIGURES: Final = ("log_loss", "auc", "ece", "calibration")


def tables(result: OnlineResult) -> Iterator[Table]:
    """A row for each day and head, frozen and online side by side; then how often corrections changed."""
    columns = [f"{figure} {name}" for figure in FIGURES for name in ("frozen", "online")]
    table = Table("day", "head", "rows", *columns, title="Learning online")
    for date, heads in result.days.items():
        for head, of in heads.items():
            figures = (f"{of[name][figure]:.4f}" for figure in FIGURES for name in ("frozen", "online"))
            table.add_row(str(date), head, str(of["frozen"]["rows"]), *figures)
    yield table
    changes = Table("head", "promoted", "returned", title=f"{result.updates} updates")
    for head, promoted in result.promoted.items():
        changes.add_row(head, str(promoted), str(result.returned[head]))
    yield changes
