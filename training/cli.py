"""`cascade train`: train models on the Ray that RAY_ADDRESS names, that of `cascade up`, or one of its own."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import msgspec
from cyclopts import App, Parameter
from rich.console import Console

from cluster.errors import InvalidField
from training.train.names import MODELS, NAMES, Model

#: What can be asked for.
CHOICES: Final = ("all", *(name.replace("_", "-") for name in NAMES))
app = App(name="train", help="Train the models of a release.")


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Options:
    """How the models are trained, and where.

    Parameters
    ----------
    data
        Source data or a data set; default: that of the settings.
    until
        Last day that is trained on, yyyymmdd; default: all days.
    recipe
        How models are trained, a name or the file of a search; default: that of the settings.
    workers
        Workers of each run: a number, or the fewest and the most, as in 1:4, of which Ray takes what there is.
    gpus
        Give each worker a GPU; trees are grown on CPUs in any case.
    storage
        URL or folder where unfinished runs keep their checkpoints; default: beside the models. Several nodes need
        one that all of them reach, such as s3://bucket/runs.
    tensorboard
        Write the curves of each run into this folder while it goes on.
    warm_start
        Start the ranker from that of the newest earlier day, where there is one.
    json
        Print the metrics as one JSON document.
    """

    data: Path | None = None
    until: str | None = None
    recipe: str | None = None
    workers: str = "1"
    gpus: Annotated[bool, Parameter(negative="")] = False
    storage: str | None = None
    tensorboard: Path | None = None
    warm_start: Annotated[bool, Parameter(negative="")] = False
    json: Annotated[bool, Parameter(negative="")] = False


@app.default
def train(
    models: Annotated[
        list[str], Parameter(consume_multiple=True, negative="", help=f"What to train: {', '.join(CHOICES)}.")
    ],
    /,
    *,
    options: Options | None = None,
) -> None:
    """Train models of a release. What is trained already, of the same data and in the same way, is kept."""
    from cluster.settings import load_settings
    from training.data.ensure import ensure_dataset
    from training.recipes import recipe_named
    from training.train.all import train
    from training.train.placement import Placement, workers_of

    options = options or Options()
    chosen, day = _chosen(models), day_of(options.until)
    placement = Placement(workers_of(options.workers), options.gpus, options.storage, options.tensorboard)
    placement.check_targets()
    settings = load_settings()
    recipe = recipe_named(options.recipe or settings.training.recipe)
    dataset = ensure_dataset(settings, options.data)
    work = train(settings, dataset, chosen, day, recipe, placement, options.warm_start)
    metrics = {name: json.loads((work / name / "metrics.json").read_text()) for name in chosen}
    if options.json:
        sys.stdout.write(msgspec.json.encode({"work": str(work), "metrics": metrics}).decode() + "\n")
    else:
        console = Console()
        console.print_json(msgspec.json.encode({name: _summary(m) for name, m in metrics.items()}).decode())
        console.print(f"models and all metrics are in {work}")


def _chosen(names: list[str]) -> list[Model]:
    """In the order in which they are trained. Raises InvalidField."""
    for name in names:
        if name not in CHOICES:
            raise InvalidField("model", name, f"must be one of {', '.join(CHOICES)}")
    asked = {model for choice, model in zip(CHOICES[1:], NAMES, strict=True) if choice in names}
    return [model for model in NAMES if model in asked or ("all" in names and model in MODELS)]


def day_of(until: str | None) -> int | None:
    """yyyymmdd as a number. Raises InvalidField."""
    from training.features.examples import day_number

    try:
        return int(until) if until is not None and day_number(until) else None
    except ValueError:
        raise InvalidField("--until", until, "must be a date as yyyymmdd") from None


def _summary(metrics: dict[str, object]) -> dict[str, object]:
    """What fits on a screen: no loss curves."""
    return {name: value for name, value in metrics.items() if not isinstance(value, list) or len(value) < 20}
