"""`cascade bench train`: the ranker's training steps on Ray Train with one worker, against a plain PyTorch loop.

The same network, rows and threads on both sides. The plain loop runs before and after, when no Ray is there, for a
machine may change its speed meanwhile.
"""

import tempfile
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Annotated, Any, Final

from cyclopts import Parameter

from benchmarks.documents.train import train_document
from benchmarks.machine import describe
from benchmarks.telling import Dated, tell
from benchmarks.train_report import Report, Speed, table
from cluster.errors import CascadeError

#: Batches timed at once.
WINDOW: Final = 20
#: Rows read at a time.
_READ: Final = 1 << 16


def train(
    *,
    data: Path | None = None,
    days: int = 4,
    seconds: float = 20.0,
    json: Annotated[bool, Parameter(negative="")] = False,
    dated: Dated = False,
) -> None:
    """Training steps of the ranker on Ray Train against a plain PyTorch loop; one JSON document is the last line.

    Parameters
    ----------
    data
        Source data or a data set; default: that of the settings.
    days
        Days at the end of the data whose impressions are trained on.
    seconds
        Time given to each of the three runs.
    json
        Print the JSON document only.
    dated
        Write a dated report too, in `benchmarks/reports/`.
    """
    report = measure(data, days, seconds)
    tell(report, None if json else table(report), dated=train_document(report) if dated else None)


def measure(data: Path | None, days: int, seconds: float) -> Report:
    """Build examples of the last `days`, then time the plain loop, Ray Train and the plain loop again."""
    from cluster.settings import load_settings
    from training.data.ensure import ensure_dataset
    from training.features.examples import ExampleDays, build_examples
    from training.features.log import Log
    from training.models.ranker_network import Shape
    from training.train.ranker_learner import RankerTraining
    from training.train.ranker_survey import survey_of
    from training.train.ranker_wide import WideConfig, fitted

    settings = load_settings()
    log = Log.load(ensure_dataset(settings, data))
    users, posts, how = len(log.users.ids), len(log.posts.ids), RankerTraining()
    with tempfile.TemporaryDirectory() as folder:
        build_examples(log, Path(folder) / "days", ExampleDays().of(log)[-days:], "live")
        files = sorted((Path(folder) / "days").iterdir())
        survey, wide = survey_of(files, users, posts), fitted(files, users, posts, WideConfig.of(how))
        shape = Shape(users, posts, len(survey.inputs.numbers), sum(survey.inputs.sizes), len(survey.heads))
        config = {
            "how": how,
            "shape": shape,
            "inputs": survey.inputs,
            "heads": survey.heads,
            "wide": wide,
            "seconds": seconds,
        }
        before, rows = _plain(config, files)
        ray = _on_ray(config, files, Path(folder) / "run")
        after, _ = _plain(config, files)
    return Report(
        machine=describe(),
        rows=rows,
        batch=how.batch,
        threads=how.threads,
        seconds=seconds,
        plain_before=before,
        ray=ray,
        plain_after=after,
        ray_to_plain=2 * ray.mean / (before.mean + after.mean),
        ray_to_plain_medians=2 * ray.median / (before.median + after.median),
    )


def _plain(config: dict[str, Any], files: Sequence[Path]) -> tuple[Speed, int]:
    import torch

    from training.models.ranker_network import RankerNetwork
    from training.train.ranker_learner import Learner
    from training.train.ranker_rows import COLUMNS, rows_of
    from training.train.run import Parquet, read_batches

    how = config["how"]
    torch.set_num_threads(how.threads)
    torch.use_deterministic_algorithms(True)
    network = RankerNetwork(config["shape"])
    rows = rows_of(
        read_batches(Parquet(files, COLUMNS), _READ), config["inputs"], config["heads"], config["wide"].sizes
    )
    learner = Learner(network, network, config["wide"], config["heads"], how)
    return _speed(timed(learner, rows, config["seconds"], lambda _windows: None), how.batch), rows.size


def _on_ray(config: dict[str, Any], files: Sequence[Path], folder: Path) -> Speed:
    from ray.train.torch import TorchTrainer

    from cluster.ray_runtime import start_ray
    from cluster.settings import load_settings
    from training.train import ray_train
    from training.train.ranker_rows import COLUMNS
    from training.train.run import Parquet
    from training.train.steps import Step

    step = Step("bench", folder, config["how"], {})
    with start_ray(load_settings()):
        state = ray_train.fit(TorchTrainer, step, _loop, config, {"train": Parquet(files, COLUMNS)})
    return _speed(state["windows"], config["how"].batch)


def _loop(config: dict[str, Any]) -> None:
    """One worker: as `training.train.ranker` trains, with its progress and its checkpoints."""
    import torch

    from training.models.ranker_network import RankerNetwork
    from training.train.ranker_learner import Learner
    from training.train.ranker_rows import rows_of

    how, run = config["how"], config["run"]
    torch.set_num_threads(how.threads)
    torch.use_deterministic_algorithms(True)
    network = RankerNetwork(config["shape"])
    rows = rows_of(run.batches("train", _READ), config["inputs"], config["heads"], config["wide"].sizes)
    learner = Learner(network, run.prepared(network), config["wide"], config["heads"], how)

    def tell(windows: list[float]) -> None:
        run.tell(min(sum(windows), config["seconds"]), config["seconds"], "", len(windows) * WINDOW)
        if len(windows) * WINDOW % how.checkpoint_steps == 0:
            run.save({"learner": learner.state()}, {})

    run.save({"windows": timed(learner, rows, config["seconds"], tell)}, {})


def timed(learner: Any, rows: Any, seconds: float, after: Callable[[list[float]], None]) -> list[float]:
    """Train for about `seconds`; seconds of each window of full batches. `after` is called, and timed, with each.

    Raises CascadeError when an epoch has no window.
    """
    if learner.steps(rows) <= WINDOW:
        raise CascadeError(f"{rows.size} rows are {learner.steps(rows)} batches: a window has {WINDOW}", "more --days")
    windows: list[float] = []
    for epoch in count():
        begin = perf_counter()
        for step, _ in enumerate(learner.epoch(rows, epoch), start=1):
            if step == learner.steps(rows):  # may be a smaller batch
                break
            if step % WINDOW == 0:
                after([*windows, perf_counter() - begin])
                windows.append(perf_counter() - begin)
                begin = perf_counter()
                if sum(windows) >= seconds:
                    return windows
    raise AssertionError("epochs do not end")


def _speed(windows: Sequence[float], batch: int) -> Speed:
    rows = WINDOW * batch
    return Speed(rows * len(windows) / sum(windows), rows / median(windows), len(windows))
