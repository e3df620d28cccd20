"""Curves of runs for TensorBoard, written while they go on, by the process that started them."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cluster.errors import CascadeError
from training.train.told import Point


def tensorboard() -> Any:
    """The package that writes them. Raises CascadeError when it is not installed."""
    try:
        import tensorboardX
    except ImportError:
        raise CascadeError("tensorboardX is not installed", "pip install 'cascade-feed[tensorboard]'") from None
    return tensorboardX


class Curves:
    """One run's curves; without a folder, nothing is written."""

    def __init__(self, folder: Path | None) -> None:
        self._writer = tensorboard().SummaryWriter(str(folder)) if folder is not None else None

    def add(self, points: Iterable[Point]) -> None:
        if self._writer is not None:
            for step, figures in points:
                for name, value in figures.items():
                    self._writer.add_scalar(name, value, step)

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()


@contextmanager
def curves(folder: Path | None) -> Iterator[Curves]:
    """Curves that are closed at the end."""
    written = Curves(folder)
    try:
        yield written
    finally:
        written.close()
