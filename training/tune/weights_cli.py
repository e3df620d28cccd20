"""`cascade tune weights`: weights of the utility and of the rules, from what people were shown."""

import sys
from typing import Annotated

import msgspec
from cyclopts import Parameter
from rich.console import Console
from rich.table import Table

from cluster.errors import InvalidField
from training.evaluation.held_out import HeldOut


def weights(
    *,
    days: HeldOut,
    worth: Annotated[str, Parameter(help="What one of each action is worth, as like=1,long_view=0.5.")] = "",
    trials: int = 200,
    decay: float = 0.4,
) -> None:
    """Tune the weights of the utility and the fresh boost on lists that were shown, by counterfactual estimates.

    Half of the users choose, the other half say what it is worth. Nothing is changed: the settings to use are printed.

    Parameters
    ----------
    worth
        By default the present weights of the actions.
    decay
        A position k = 0, 1, ... is looked at with chance (1 + k)^-decay.
    """
    from cluster.rules import HEADS
    from training.models.ranker import RankerModel
    from training.tune.weights import evidence_of, tune_weights

    if trials < 1:
        raise InvalidField("--trials", trials, "must be 1 or more")
    if not 0 <= decay <= 3:
        raise InvalidField("--decay", decay, "must be 0 to 3")
    values = _worth(worth, HEADS)
    settings, dataset, split, work = trained = days.trained(("ranker",), live=False)
    evidence = evidence_of(dataset, split, RankerModel.load(work / "ranker"))
    tuned = tune_weights(evidence, settings.rules, values or settings.rules.weights, trials, days.seed, decay)
    if days.json:
        facts = {**trained.facts, "trials": trials, "decay": decay}
        found = {**msgspec.to_builtins(tuned), "better": tuned.better}
        sys.stdout.write(msgspec.json.encode({**facts, **found}).decode() + "\n")
        return
    table = Table("value of a list", "estimate", "from", "to", "truth", title=f"{tuned.lists} lists")
    for name, interval in (("now", tuned.now), ("tuned", tuned.then), ("gain", tuned.gain)):
        known = "" if tuned.truth is None else f"{tuned.truth[name]:.4f}"
        table.add_row(name, *(f"{value:.4f}" for value in interval), known)
    console = Console()
    console.print(table)
    if not tuned.better:
        console.print("No better than the present weights beyond doubt: keep them.")
        return
    console.print("In cascade.yaml:", "rules:", f"  fresh_boost: {tuned.fresh_boost}", "  weights:", sep="\n")
    rest = {name: weight for name, weight in settings.rules.weights.items() if name not in tuned.weights}
    console.print(*(f"    {name}: {weight}" for name, weight in {**tuned.weights, **rest}.items()), sep="\n")


def _worth(text: str, heads: tuple[str, ...]) -> dict[str, float]:
    """`like=1,hide=-5` as numbers. Raises InvalidField."""
    worth = {}
    for part in filter(None, text.split(",")):
        name, _, number = part.partition("=")
        try:
            worth[name.strip()] = float(number)
        except ValueError:
            raise InvalidField("--worth", text, "must be like=1,long_view=0.5 and so on") from None
    if strange := sorted(set(worth) - set(heads)):
        raise InvalidField("--worth", text, f"names {strange}; there are {', '.join(heads)}")
    return worth
