"""Progress of a search: trials tell a board, which a bar on stderr follows."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from training.train.asking import asked


class Board:
    """What trials told last. Lives in a process of its own, which has no need of torch and Ray Tune."""

    def __init__(self) -> None:
        self.trials: dict[str, float] = {}

    def tell(self, trial: str, value: float) -> None:
        self.trials[trial] = value

    def ask(self) -> tuple[int, float]:
        """Trials that have told something, and the greatest value among what each told last."""
        return len(self.trials), max(self.trials.values(), default=0.0)


@contextmanager
def board(name: str, trials: int, shown: bool) -> Iterator[Any]:
    """The handle of a board, with a bar for the time of a `with`."""
    columns = (TextColumn(f"tune {name}"), BarColumn(24), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TextColumn("{task.description}"), console=Console(stderr=True, quiet=not shown)) as bars:
        task = bars.add_task("starting", total=trials)

        def show(said: tuple[int, float]) -> None:
            count, best = said
            if count:
                bars.update(task, completed=count, description=f"best so far {best:.4f}")

        with asked(Board, show) as told:
            yield told
