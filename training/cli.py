"""`cascade train`: train models on local Ray, or on the cluster that RAY_ADDRESS names."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
from cyclopts import App, Parameter
from rich.console import Console

from cluster.errors import InvalidField

if TYPE_CHECKING:
    from training.train.all import Model

app = App(name="train", help="Train the models of a release.")

Data = Annotated[Path | None, Parameter(help="Source data or a data set; default: that of the settings.")]
Until = Annotated[str | None, Parameter(help="Last day that is trained on, yyyymmdd; default: all days.")]
RecipeName = Annotated[
    str | None, Parameter(name="--recipe", help="How models are trained; default: that of the settings.")
]
Json = Annotated[bool, Parameter(name="--json", negative="", help="Print the metrics as one JSON document.")]


@app.command(name="all")
def all_(*, data: Data = None, until: Until = None, recipe: RecipeName = None, json: Json = False) -> None:
    """Train everything that a release needs."""
    _train(("two_tower", "prerank", "ranker"), data, until, recipe, json)


@app.command
def two_tower(*, data: Data = None, until: Until = None, recipe: RecipeName = None, json: Json = False) -> None:
    """Train the retrieval model: vectors of users and posts."""
    _train(("two_tower",), data, until, recipe, json)


@app.command
def session(*, data: Data = None, until: Until = None, recipe: RecipeName = None, json: Json = False) -> None:
    """Train the session encoder, after the two-tower model whose posts it shares."""
    _train(("two_tower", "session"), data, until, recipe, json)


@app.command
def mf(*, data: Data = None, until: Until = None, recipe: RecipeName = None, json: Json = False) -> None:
    """Train the matrix factorisation that retrieval is held against."""
    _train(("mf",), data, until, recipe, json)


@app.command
def prerank(*, data: Data = None, until: Until = None, recipe: RecipeName = None, json: Json = False) -> None:
    """Train the pre-ranker: gradient-boosted trees."""
    _train(("prerank",), data, until, recipe, json)


@app.command
def ranker(*, data: Data = None, until: Until = None, recipe: RecipeName = None, json: Json = False) -> None:
    """Train the multi-task ranker."""
    _train(("ranker",), data, until, recipe, json)


def _train(models: Sequence["Model"], data: Path | None, until: str | None, recipe: str | None, json: bool) -> None:
    from cluster.settings import load_settings
    from training.data.ensure import ensure_dataset
    from training.features.examples import day_number
    from training.recipes import recipe_named
    from training.train.all import train

    day = None
    if until is not None:
        try:
            day = int(until) if day_number(until) else None
        except ValueError:
            raise InvalidField("--until", until, "must be a date as yyyymmdd") from None
    settings = load_settings()
    how = recipe_named(recipe or settings.training.recipe)
    dataset = ensure_dataset(settings if data is None else settings.model_copy(update={"data": data}))
    work = train(settings, dataset, models, day, how)
    metrics = {model: msgspec.json.decode((work / model / "metrics.json").read_bytes()) for model in models}
    if json:
        sys.stdout.write(msgspec.json.encode({"work": str(work), "metrics": metrics}).decode() + "\n")
    else:
        console = Console()
        console.print_json(msgspec.json.encode({model: _summary(m) for model, m in metrics.items()}).decode())
        console.print(f"models and all metrics are in {work}")


def _summary(metrics: dict[str, object]) -> dict[str, object]:
    """What fits on a screen: no loss curves."""
    return {name: value for name, value in metrics.items() if not isinstance(value, list) or len(value) < 20}
