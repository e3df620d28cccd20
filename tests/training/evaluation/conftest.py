"""A synthetic world whose models are trained once for all tests of evaluation."""

from pathlib import Path

import numpy as np
import pytest

from cluster.ray_runtime import RaySession
from cluster.settings import Settings
from training.data.dataset import DataSet
from training.data.synth.parameters import Parameters
from training.data.synth.synthesis import synthesise
from training.evaluation.split import Split
from training.recipes import recipe_named
from training.train.all import train


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> DataSet:
    """Eight days from 1 January 2024."""
    return synthesise(Parameters(users=150, posts=300, days=8, seed=3), tmp_path_factory.mktemp("evaluate") / "world")


@pytest.fixture(scope="session")
def split(world: DataSet) -> Split:
    days = np.unique(world.dates(world.read("impressions", ["time_ms"]))).tolist()
    return Split(days[-4], days[-3], days[-1])


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, world: DataSet, split: Split, ray_session: RaySession) -> Path:
    """A home where the ranker of `split`, as the protocols want it, is trained already."""
    home = tmp_path_factory.mktemp("trained")
    recipe = recipe_named("default").before_each_day()
    train(Settings(home=home), world, ("ranker",), split.train_until, recipe)
    return home
