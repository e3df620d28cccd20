"""What `cascade train` does when no recipe is named: found on KuaiRand-Pure, see `docs/log.md`."""

from training.features.examples import ExampleDays
from training.recipes.recipe import Recipe
from training.train.mf import MfTraining
from training.train.prerank import PrerankTraining
from training.train.ranker_learner import RankerTraining
from training.train.session_learner import SessionTraining
from training.train.two_tower_learner import TwoTowerTraining


def default() -> Recipe:
    return Recipe(
        examples=ExampleDays(),
        two_tower=TwoTowerTraining(),
        session=SessionTraining(),
        mf=MfTraining(),
        prerank=PrerankTraining(),
        ranker=RankerTraining(),
    )
