"""Slots of one small world for all tests of policies."""

import numpy as np
import pytest

from training.data.dataset import DataSet
from training.data.synth.parameters import Parameters
from training.data.synth.synthesis import synthesise
from training.policy.slots import Slots, slots_of

SLOTS = 12_000


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> DataSet:
    return synthesise(Parameters(users=400, posts=500, days=6, seed=2), tmp_path_factory.mktemp("policy") / "world")


@pytest.fixture(scope="session")
def slots(world: DataSet) -> Slots:
    return slots_of(world, SLOTS, seed=1)


@pytest.fixture(scope="session")
def many(slots: Slots) -> Slots:
    """100,000 slots: the same ones again and again, in another order and with other luck."""
    rng = np.random.default_rng(4)
    at = rng.integers(0, len(slots), 100_000)
    chance = slots.chance[at]
    reward = (rng.random(chance.shape) < chance).astype(np.float64)
    return Slots(slots.user[at], slots.x[at], slots.allowed[at], chance, reward)
