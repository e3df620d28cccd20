"""What a recipe returns."""

import hashlib
import json
from dataclasses import asdict, dataclass, fields, replace

from training.features.examples import ExampleDays
from training.train.mf import MfTraining
from training.train.prerank import PrerankTraining
from training.train.ranker_learner import RankerTraining
from training.train.session_learner import SessionTraining
from training.train.two_tower_learner import TwoTowerTraining


@dataclass(frozen=True, slots=True)
class Recipe:
    """How everything that a release needs is trained."""

    examples: ExampleDays
    two_tower: TwoTowerTraining
    session: SessionTraining
    mf: MfTraining
    prerank: PrerankTraining
    ranker: RankerTraining

    @property
    def fingerprint(self) -> str:
        """Sixteen hex digits of all that it says."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True, default=str).encode()).hexdigest()[:16]

    def seeded(self, seed: int) -> "Recipe":
        """The same, with all that is drawn drawn from `seed`."""
        models = [field.name for field in fields(self) if field.name != "examples"]
        return replace(self, **{name: replace(getattr(self, name), seed=seed) for name in models})

    def before_each_day(self) -> "Recipe":
        """The same, with examples that know what happened before their day, as the evaluation protocols do."""
        return replace(self, examples=replace(self.examples, freshness="day"))
