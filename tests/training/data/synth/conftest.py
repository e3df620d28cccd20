"""One small world for all tests of the synthetic data."""

from pathlib import Path

import pytest

from training.data.dataset import DataSet
from training.data.synth.parameters import Parameters
from training.data.synth.synthesis import synthesise
from training.data.synth.world import World

PARAMETERS = Parameters(users=800, posts=900, days=8, seed=3, drift=0.05)


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> DataSet:
    return synthesise(PARAMETERS, tmp_path_factory.mktemp("synth") / "world")


@pytest.fixture(scope="session")
def world(data: DataSet) -> World:
    return World.load(Path(data.folder))
