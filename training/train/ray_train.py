"""What every Ray Train run of ours shares: the data set, the trainer, checkpoints and the progress bar.

A run is named by its step's fingerprint and stores under the step's folder, so a run that was killed goes on from
its last checkpoint when the step is run again.
"""

import logging
import os
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import ray
import ray.data
import ray.train
import ray.train.torch
import torch
from ray.train.v2.api.data_parallel_trainer import DataParallelTrainer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from training.train.curves import Curves, curves
from training.train.failures import StopWhenDiverged, explained
from training.train.steps import Step
from training.train.told import Told

Columns = dict[str, Any]
State = dict[str, Any]

_STATE: Final = "state.pt"
#: Times that Ray Train waits a minute for workers which the cluster no longer has.
_START_TRIES: Final = 3


def parquet(files: Sequence[Path], columns: Sequence[str]) -> ray.data.Dataset:
    """Rows of the files, in the order given and the same at every read."""
    quiet()
    return ray.data.read_parquet([str(file) for file in files]).select_columns(list(columns))


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
    datasets: dict[str, ray.data.Dataset],
) -> State:
    """Train, or go on training, with one bar on stderr; return the state that the loop saved last.

    `loop` receives `loop_config` and uses `saved`, `save` and `tell`. `loop_config` must not hold a "bar" key.
    Raises: CascadeError when the cluster has no room for the step's workers, and with the worker's own message if
    the loop failed more often than the step's placement allows.
    """
    quiet()
    step.placement.check_room()
    storage = step.storage
    os.environ.setdefault("RAY_TRAIN_HEALTH_CHECK_INTERVAL_S", "0.5")
    with curves(step.curves) as written, _bar(step.name, written) as bar:
        run = trainer(
            loop,
            train_loop_config={**loop_config, "bar": bar},
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
            ),
            datasets=datasets,
            # What is measured on is read by all workers, so that all come to the same decisions.
            dataset_config=ray.train.DataConfig(datasets_to_split=["train"]),
        )
        try:
            result = run.fit()
        except ray.train.TrainingFailedError as error:
            raise explained(error, step) from error
    return _load(result.checkpoint)


def save(state: State, metrics: dict[str, Any]) -> None:
    """Report a checkpoint from inside a loop. Every worker must call it equally often; rank 0's state is kept."""
    if ray.train.get_context().get_world_rank() != 0:
        ray.train.report(metrics)
        return
    with tempfile.TemporaryDirectory() as folder:
        torch.save(state, Path(folder) / _STATE)
        ray.train.report(metrics, checkpoint=ray.train.Checkpoint.from_directory(folder))


def saved() -> State | None:
    """The state of the last checkpoint of this run, or None at its start."""
    checkpoint = ray.train.get_checkpoint()
    return None if checkpoint is None else _load(checkpoint)


def _load(checkpoint: ray.train.Checkpoint) -> State:
    with checkpoint.as_directory() as folder:
        state: State = torch.load(Path(folder) / _STATE, weights_only=True, map_location="cpu")
    return state


def on_cpu() -> bool:
    """Whether this worker's device is the CPU, on which the same rows give the same bits."""
    return bool(ray.train.torch.get_device().type == "cpu")


def batches(name: str, size: int, columns: Sequence[str] = ()) -> Iterator[Columns]:
    """Batches of this worker's shard of dataset `name`, as NumPy columns; a list column becomes a matrix."""
    shard = ray.train.get_dataset_shard(name)
    for table in shard.iter_batches(batch_size=size, batch_format="pyarrow"):
        yield {column: to_numpy(table[column]) for column in columns or table.column_names}


def to_numpy(column: pa.ChunkedArray | pa.Array) -> Any:
    """A column as an array; one of lists of equal length as a matrix."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if pa.types.is_fixed_size_list(array.type):
        return array.flatten().to_numpy().reshape(len(array), array.type.list_size)
    return array.to_numpy(zero_copy_only=False)


def tell(config: dict[str, Any], done: float, total: float, word: str, step: int = 0, **figures: float) -> None:
    """Move the step's bar from inside a loop, and add to its curves what was measured at `step`, counted through all
    epochs; only rank 0 is heard.
    """
    if ray.train.get_context().get_world_rank() == 0:
        config["bar"].tell.remote(done, total, word, step, figures)


@contextmanager
def _bar(name: str, written: Curves) -> Iterator[Any]:
    told = ray.remote(num_cpus=0)(Told).remote()
    stop = threading.Event()
    columns = (
        TextColumn(f"train {name:<12}"),
        BarColumn(24),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("starting", total=1.0)

        def follow() -> None:
            while True:
                ended = stop.wait(0.5)
                (done, total, word), points = ray.get(told.ask.remote())
                progress.update(task, completed=done, total=total, description=word)
                written.add(points)
                if ended:
                    return

        thread = threading.Thread(target=follow, daemon=True)
        thread.start()
        try:
            yield told
        finally:
            stop.set()
            thread.join(timeout=5)
            ray.kill(told)
