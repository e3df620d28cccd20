"""Newcomers of a small world, welcomed by a release whose models are made by hand, in this process."""

from io import StringIO

import numpy as np
import pytest
from rich.console import Console

from cluster.errors import CascadeError, InvalidField
from cluster.settings import Settings
from deployments.evaluation.cold_start import evaluate_cold_start
from deployments.evaluation.cold_start_cli import cold_start, document, tables
from tests.deployments.evaluation.by_hand import release_of
from training.data.dataset import write_dataset
from training.data.progress import silent
from training.data.synth.parameters import Parameters
from training.data.synth.synthesis import synthesise
from training.evaluation.held_out import HeldOut
from training.evaluation.split import Split

SPLIT = Split(20240106, 20240107, 20240108)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return synthesise(Parameters(users=120, posts=800, days=8, seed=5), tmp_path_factory.mktemp("cold") / "world")


def measured(dataset, seed: int = 1):
    return evaluate_cold_start(Settings(), dataset, SPLIT, release_of(dataset, SPLIT), 25, 3, seed, silent)


def test_newcomers_are_welcomed_better_than_by_chance_and_what_they_do_counts(world):
    result = measured(world)
    assert result.people == 25
    for way in result.welcome.values():
        assert ((way.liked > 0) & (way.liked < 1)).all()
        assert (np.diff(way.engaged) >= 0).all()
        assert 1 <= way.posts_before <= 30
    newcomer, unheard = result.welcome["newcomer"], result.welcome["newcomer, nothing learned"]
    assert newcomer.liked[0] > result.welcome["random"].liked[0]
    assert newcomer.liked[0] == unheard.liked[0]
    assert newcomer.liked[1] != unheard.liked[1]
    assert newcomer.liked[1:].sum() > unheard.liked[1:].sum()
    again = measured(world)
    assert again.welcome["newcomer"].liked.tolist() == newcomer.liked.tolist()


def test_the_floor_gives_new_creators_their_share(world):
    result = measured(world)
    floor, none = result.exposure["floor"], result.exposure["no floor"]
    assert floor.new_creators >= none.new_creators
    assert 0 <= result.catalogue.new_creators <= 1
    assert floor.liked > result.catalogue.liked


def test_what_was_measured_is_told_to_people_and_to_programs(world):
    result = measured(world)
    told = document(result, {"train_until": 20240106})
    assert told["welcome"]["known"]["liked"] == result.welcome["known"].liked.tolist()
    assert set(told["exposure"]) == {"floor", "no floor", "catalogue"}
    printed = StringIO()
    for table in tables(result, {"train_until": 20240106}):
        Console(file=printed, width=200).print(table)
    for name in (*result.welcome, "no floor", "all posts", "page 3"):
        assert name in printed.getvalue()


def test_people_must_be_those_of_a_synthetic_world(world, tmp_path):
    rows = {name: world.read(name) for name in world.manifest.rows}
    plain = write_dataset(tmp_path / "plain", "plain", rows, 0, {})
    with pytest.raises(CascadeError, match="not a synthetic world"):
        measured(plain)


@pytest.mark.parametrize("wrong", [{"people": 0}, {"pages": 0}])
def test_nobody_and_nothing_cannot_be_measured(wrong):
    with pytest.raises(InvalidField, match=next(iter(wrong))):
        cold_start(days=HeldOut(train_until="20240106", test="20240107:20240108"), **wrong)
