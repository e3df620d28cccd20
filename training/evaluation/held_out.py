"""What every evaluation on held-out days asks for on the command line, and begins with."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from cyclopts import Parameter

if TYPE_CHECKING:
    from cluster.settings import Settings
    from training.data.dataset import DataSet
    from training.evaluation.split import Split
    from training.train.names import Model

Json = Annotated[bool, Parameter(name="--json", negative="", help="Print one JSON document.")]
Seed = Annotated[int, Parameter(help="Seed of all that is drawn.")]


class Trained(NamedTuple):
    """Models of the days before the held-out ones."""

    settings: "Settings"
    dataset: "DataSet"
    split: "Split"
    work: Path  # holds a folder of each model

    @property
    def facts(self) -> dict[str, Any]:
        """What a report begins with."""
        return {"train_until": self.split.train_until, "test": [self.split.first, self.split.last]}


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOut:
    """What is trained, and the days that it is tested on.

    Parameters
    ----------
    train_until
        Last day that is trained on, yyyymmdd.
    test
        Days that are tested on, FIRST:LAST.
    data
        Source data or a data set; default: that of the settings.
    recipe
        How models are trained; default: that of the settings.
    """

    train_until: str
    test: str
    data: Path | None = None
    recipe: str | None = None
    seed: Seed = 1
    json: Json = False

    def trained(self, models: "Sequence[Model]", live: bool) -> Trained:
        """Train `models`, as far as they are not.

        `live`: on examples with the features of their moment; else with those of the beginning of their day, as they
        will be asked with by whoever tests without live state. Raises InvalidField for days that are none, or that
        have no impressions, and CascadeError as `train` does.
        """
        from cluster.settings import load_settings
        from training.data.ensure import ensure_dataset
        from training.evaluation.split import Split
        from training.recipes import recipe_named
        from training.train.all import train

        split, settings = Split.parse(self.train_until, self.test), load_settings()
        dataset = ensure_dataset(settings, self.data)
        split.check(dataset)
        how = recipe_named(self.recipe or settings.training.recipe).seeded(self.seed)
        how = how if live else how.before_each_day()
        return Trained(settings, dataset, split, train(settings, dataset, models, split.train_until, how))
