"""A data set for benchmarks to draw from."""

import pytest

from training.data.dataset import DataSet
from training.data.synth.parameters import Parameters
from training.data.synth.synthesis import synthesise


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> DataSet:
    """A small synthetic world."""
    return synthesise(Parameters(users=60, posts=400, days=3, seed=3), tmp_path_factory.mktemp("world"))
