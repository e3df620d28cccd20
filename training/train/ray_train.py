"""What every Ray Train run of ours shares: the data set, the trainer, checkpoints and the progress bar.

A run is named by its step's fingerprint and stores under the step's folder, so a run that was killed goes on from
its last checkpoint when the step is run again.
"""

import logging
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import ray
import ray.data
import ray.train
import ray.train.torch
import torch
from ray.train.v2.api.data_parallel_trainer import DataParallelTrainer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from torch import nn

from training.train.asking import asked
from training.train.curves import Curves, curves
from training.train.failures import StopWhenDiverged, explained
from training.train.run import Columns, LocalRun, Parquet, State, to_numpy
from training.train.steps import Step
from training.train.told import Point, Told

_STATE: Final = "state.pt"
#: Times that Ray Train waits a minute for workers which the cluster no longer has.
_START_TRIES: Final = 3
#: A worker's loop runs in a thread, to whose memory glibc gives back to the system what a step has used, for the next
#: step to ask for it again: 9,000 page faults a step of the ranker, a fifth of its time. So it does not.
_KEEP_MEMORY: Final = {
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_THRESHOLD_": str(1 << 30),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 30),
}


def quiet() -> None:
    """Keep Ray Data's and Ray Train's own bars and notes off the terminal: a step shows one bar."""
    context = ray.data.DataContext.get_current()
    context.execution_options.preserve_order = True
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    for name in ("ray.data", "ray.train"):
        logging.getLogger(name).setLevel(logging.ERROR)


def fit(
    trainer: type[DataParallelTrainer],
    step: Step,
    loop: Callable[[dict[str, Any]], None],
    loop_config: dict[str, Any],
    rows: Mapping[str, Parquet],
) -> State:
    """Train, or go on training, with one bar on stderr; return the state that the loop saved last.

    `loop` receives `loop_config` and the `Run` that it is part of, as "run". A step that is placed here runs in this
    process without bar and checkpoints, and its errors are the loop's own.
    Raises: CascadeError when the cluster has no room for the step's workers, and with the worker's own message if
    the loop failed more often than the step's placement allows.
    """
    if step.placement.here is not None:
        run = LocalRun(rows, step.placement.here, step.placement.gpus)
        loop({**loop_config, "run": run})
        return run.state
    quiet()
    step.placement.check_room()
    storage = step.storage
    os.environ.setdefault("RAY_TRAIN_HEALTH_CHECK_INTERVAL_S", "0.5")
    with curves(step.curves) as written, _bar(step.name, written) as bar:
        training = trainer(
            loop,
            train_loop_config={**loop_config, "run": RayRun(bar)},
            scaling_config=step.placement.scaling,
            run_config=ray.train.RunConfig(
                name=step.fingerprint,
                storage_path=storage.path,
                storage_filesystem=storage.files,
                failure_config=ray.train.FailureConfig(
                    max_failures=step.placement.retries, controller_failure_limit=_START_TRIES
                ),
                checkpoint_config=ray.train.CheckpointConfig(num_to_keep=2),
                callbacks=[StopWhenDiverged()],
                worker_runtime_env={"env_vars": _KEEP_MEMORY},
            ),
            datasets={name: _dataset(part) for name, part in rows.items()},
            # What is measured on is read by all workers, so that all come to the same decisions.
            dataset_config=ray.train.DataConfig(datasets_to_split=["train"]),
        )
        try:
            result = training.fit()
        except ray.train.TrainingFailedError as error:
            raise explained(error, step) from error
    return _load(result.checkpoint)


def _dataset(rows: Parquet) -> ray.data.Dataset:
    return ray.data.read_parquet([str(file) for file in rows.files]).select_columns(list(rows.columns))


class RayRun:
    """A worker of Ray Train, whose word goes to the process that shows the bar."""

    def __init__(self, bar: Any) -> None:
        """`bar`: the actor `Told`."""
        self._bar = bar

    @property
    def rank(self) -> int:
        return int(ray.train.get_context().get_world_rank())

    @property
    def size(self) -> int:
        return int(ray.train.get_context().get_world_size())

    @property
    def on_cpu(self) -> bool:
        return bool(ray.train.torch.get_device().type == "cpu")

    def batches(self, name: str, size: int, columns: Sequence[str] = ()) -> Iterator[Columns]:
        shard = ray.train.get_dataset_shard(name)
        for table in shard.iter_batches(batch_size=size, batch_format="pyarrow"):
            yield {column: to_numpy(table[column]) for column in columns or table.column_names}

    def prepared(self, network: nn.Module) -> nn.Module:
        model: nn.Module = ray.train.torch.prepare_model(network)
        return model

    def saved(self) -> State | None:
        checkpoint = ray.train.get_checkpoint()
        return None if checkpoint is None else _load(checkpoint)

    def save(self, state: State, metrics: dict[str, Any]) -> None:
        if self.rank != 0:
            ray.train.report(metrics)
            return
        with tempfile.TemporaryDirectory() as folder:
            torch.save(state, Path(folder) / _STATE)
            ray.train.report(metrics, checkpoint=ray.train.Checkpoint.from_directory(folder))

    def tell(self, done: float, total: float, word: str, step: int = 0, **figures: float) -> None:
        if self.rank == 0:
            self._bar.tell.remote(done, total, word, step, figures)


def _load(checkpoint: ray.train.Checkpoint) -> State:
    with checkpoint.as_directory() as folder:
        state: State = torch.load(Path(folder) / _STATE, weights_only=True, map_location="cpu")
    return state


@contextmanager
def _bar(name: str, written: Curves) -> Iterator[Any]:
    columns = (
        TextColumn(f"train {name:<12}"),
        BarColumn(24),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("starting", total=1.0)

        def show(said: tuple[tuple[float, float, str], list[Point]]) -> None:
            (done, total, word), points = said
            progress.update(task, completed=done, total=total, description=word)
            written.add(points)

        with asked(Told, show) as told:
            yield told
