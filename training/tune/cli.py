"""`cascade tune`: search for how a model is trained best, on the same Ray as `cascade train`."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
from cyclopts import App, Parameter
from rich.console import Console
from rich.table import Table

from cluster.errors import InvalidField
from training.train.names import TUNABLE, Tunable

#: What can be asked for.
CHOICES: Final = {name.replace("_", "-"): name for name in TUNABLE}
#: The lowest priority: what serves on this node goes first.
_NICE: Final = 19
#: Trials that are shown; all are in the JSON document.
_SHOWN: Final = 10
app = App(name="tune", help="Search for how a model is trained best, or what its predictions should weigh.")
app.command(
    "training.tune.weights_cli:weights", name="weights", help="Weights of the utility, from what people were shown."
)


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Options:
    """What is searched on, and how much of the cluster for.

    Parameters
    ----------
    data
        Source data or a data set; default: that of the settings.
    until
        Last day that the search sees, yyyymmdd; default: all days. The days at its end are held out to judge trials.
    held_out_days
        How many these are.
    recipe
        Where the search starts, a name or the file of an earlier search; default: that of the settings.
    trials
        Trials in all; the first one is the recipe as it is.
    concurrency
        Trials at once.
    cpus_per_trial
        CPUs of each, which are also the threads that it computes with. The search runs at the lowest priority.
    gpus
        Give each trial a GPU; trees are grown on CPUs in any case.
    storage
        URL or folder where an unfinished search keeps what it needs to go on; default: beside the models.
    json
        Print all trials as one JSON document.
    """

    data: Path | None = None
    until: str | None = None
    held_out_days: int = 2
    recipe: str | None = None
    trials: int = 20
    concurrency: int = 1
    cpus_per_trial: int = 1
    gpus: Annotated[bool, Parameter(negative="")] = False
    storage: str | None = None
    json: Annotated[bool, Parameter(negative="")] = False


@app.default
def tune(
    model: Annotated[str, Parameter(help=f"What to tune: {', '.join(CHOICES)}.")],
    /,
    *,
    options: Options | None = None,
) -> None:
    """Search for how a model is trained best, and write that as a recipe. The same command goes on with a search."""
    from cluster.settings import load_settings
    from training.cli import day_of
    from training.data.ensure import ensure_dataset
    from training.train.placement import Placement
    from training.tune.resources import Resources
    from training.tune.search import Search, search

    options = options or Options()
    chosen = _chosen(model)
    resources = Resources(options.concurrency, options.cpus_per_trial, options.gpus and chosen != "prerank")
    day, settings, placement = day_of(options.until), load_settings(), Placement(storage=options.storage)
    recipe = options.recipe or settings.training.recipe
    how = Search(chosen, recipe, options.trials, options.held_out_days, resources)
    how.check(settings)
    placement.check_targets()
    os.nice(_NICE)
    dataset = ensure_dataset(settings, options.data)
    file, found = search(settings, dataset, how, day, placement, not options.json)
    if options.json:
        sys.stdout.write(msgspec.json.encode({"recipe": str(file), **found}).decode() + "\n")
    else:
        _show(model, file, found)


def _chosen(name: str) -> Tunable:
    """Raises InvalidField with the models that can be tuned."""
    if name not in CHOICES:
        raise InvalidField("model", name, f"must be one of {', '.join(CHOICES)}")
    return CHOICES[name]


def _show(model: str, file: Path, found: dict[str, Any]) -> None:
    """Print the best trials, the values of the best one, and what to do with them."""
    objective, before, best = found["objective"], found["before"], found["best"]
    trials = Table(objective, "epochs", "seconds", "", title=f"{len(found['trials'])} trials of {model}")
    for told in found["trials"][:_SHOWN]:
        trials.add_row(f"{told[objective]:.4f}", str(told["epochs"]), f"{told['seconds']:.0f}", told["became"])
    values = Table(
        "", "before", "best", title=f"{objective}: {before[objective]:.4f} before, {best[objective]:.4f} best"
    )
    for name, value in best["values"].items():
        values.add_row(name, _short(before["values"][name]), _short(value))
    console = Console()
    console.print(trials, values)
    console.print(f"cascade train {model} --recipe {file}", soft_wrap=True)


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
