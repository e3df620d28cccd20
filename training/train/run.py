"""What a training loop asks of the run that it is part of, and tells it: on Ray Train, or in one process alone."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import pyarrow as pa
import pyarrow.dataset as ds
import torch
from torch import nn

Columns = dict[str, Any]
State = dict[str, Any]
#: Called with how much is done, of how much, and what was measured there.
Listener = Callable[[float, float, dict[str, float]], None]


class Run(Protocol):
    """One worker's view of a run; loops find it in their config, as "run"."""

    @property
    def rank(self) -> int:
        """Number of this worker."""

    @property
    def size(self) -> int:
        """Number of workers."""

    @property
    def on_cpu(self) -> bool:
        """Whether this worker's device is the CPU, on which the same rows give the same bits."""

    def batches(self, name: str, size: int, columns: Sequence[str] = ()) -> Iterator[Columns]:
        """Batches of this worker's share of the rows `name`, as NumPy columns; a list column becomes a matrix."""

    def prepared(self, network: nn.Module) -> nn.Module:
        """Move `network` to this worker's device; returns what computes in step with the other workers."""

    def saved(self) -> State | None:
        """The state of the run's last checkpoint, or None at its start."""

    def save(self, state: State, metrics: dict[str, Any]) -> None:
        """Make a checkpoint. Every worker must call it equally often; the state of worker 0 is kept."""

    def tell(self, done: float, total: float, word: str, step: int = 0, **figures: float) -> None:
        """Say how much is done, and what was measured at `step`, counted through all epochs; worker 0 is heard."""


class Judge(Protocol):
    """Measures what is trained, after each epoch, on days that it is not trained on."""

    @property
    def name(self) -> str:
        """Name of the measure."""

    def __call__(self, judged: Any, /) -> float:
        """Of scores [N] of the held-out rows, or of a network; the greater the better."""


class Parquet(NamedTuple):
    """Columns of Parquet files: rows in the order given, the same at every read."""

    files: Sequence[Path]
    columns: Sequence[str]


class LocalRun:
    """A run of one worker in this process, which keeps its state in memory. A search places its trials itself."""

    rank = 0
    size = 1

    def __init__(self, rows: Mapping[str, Parquet], listener: Listener, gpu: bool) -> None:
        self._rows, self._listener = rows, listener
        self._device = torch.device("cuda" if gpu else "cpu")
        self.state: State = {}

    @property
    def on_cpu(self) -> bool:
        return self._device.type == "cpu"

    def batches(self, name: str, size: int, columns: Sequence[str] = ()) -> Iterator[Columns]:
        for batch in read_batches(self._rows[name], size):
            yield {column: batch[column] for column in columns or batch}

    def prepared(self, network: nn.Module) -> nn.Module:
        return network.to(self._device)

    def saved(self) -> None:
        """Nothing: what ends early is not gone on with."""
        return

    def save(self, state: State, metrics: dict[str, Any]) -> None:  # noqa: ARG002
        self.state = state

    def tell(self, done: float, total: float, word: str, step: int = 0, **figures: float) -> None:  # noqa: ARG002
        self._listener(done, total, figures)


def read_batches(rows: Parquet, size: int) -> Iterator[Columns]:
    """Batches of up to `size` rows, in order."""
    dataset = ds.dataset([str(file) for file in rows.files])
    for batch in dataset.to_batches(columns=list(rows.columns), batch_size=size):
        yield {column: to_numpy(batch[column]) for column in rows.columns}


def to_numpy(column: pa.ChunkedArray | pa.Array) -> Any:
    """A column as an array; one of lists of equal length as a matrix."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if pa.types.is_fixed_size_list(array.type):
        return array.flatten().to_numpy().reshape(len(array), array.type.list_size)
    return array.to_numpy(zero_copy_only=False)
