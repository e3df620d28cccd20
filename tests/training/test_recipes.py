"""Recipes are whole and found by name."""

from dataclasses import asdict

import numpy as np
import pytest

from cluster.errors import InvalidField
from tests.training.train.test_sequence_batches import sequences
from training.recipes import RECIPES, recipe_named
from training.train.sequence_batches import Sampling, draw
from training.train.session_batches import draw_windows


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_the_same_every_time_and_as_its_function_says(name: str) -> None:
    assert recipe_named(name) == recipe_named(name) == RECIPES[name]()


def test_recipes_differ() -> None:
    assert len({str(asdict(recipe())) for recipe in RECIPES.values()}) == len(RECIPES)


@pytest.mark.parametrize("name", RECIPES)
def test_a_softmax_is_sampled_with_256_negatives_at_least(name: str) -> None:
    recipe = recipe_named(name)
    told, rng = sequences([60] * 8, [0] * 8), np.random.default_rng(0)
    for how in (recipe.two_tower, recipe.session):
        sampling = Sampling(how.horizon, how.idle_weight, how.negatives, np.full(5000, 1 / 5000))
        batch = draw(told, np.arange(8), sampling, rng)
        windows = draw_windows(told, np.arange(8), 50, 4, sampling, rng)
        for candidates, targets in ((batch.log_q, batch.target_post), (windows.candidates, windows.target_post)):
            assert len(candidates) - len(np.unique(targets)) >= 256


def test_an_unknown_recipe_lists_those_there_are() -> None:
    with pytest.raises(InvalidField, match="must be one of default, quick") as error:
        recipe_named("slow")
    assert (error.value.field, error.value.value) == ("recipe", "slow")


def test_a_seed_reaches_every_model() -> None:
    seeded = recipe_named("default").seeded(7)
    models = (seeded.two_tower, seeded.session, seeded.mf, seeded.prerank, seeded.ranker)
    assert {model.seed for model in models} == {7}
    assert seeded.seeded(1) == recipe_named("default")
