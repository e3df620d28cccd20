"""Recipes are whole and found by name."""

from dataclasses import asdict

import pytest

from cluster.errors import InvalidField
from training.recipes import RECIPES, recipe_named


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_the_same_every_time_and_as_its_function_says(name: str) -> None:
    assert recipe_named(name) == recipe_named(name) == RECIPES[name]()


def test_recipes_differ() -> None:
    assert len({str(asdict(recipe())) for recipe in RECIPES.values()}) == len(RECIPES)


def test_an_unknown_recipe_lists_those_there_are() -> None:
    with pytest.raises(InvalidField, match="must be one of default, quick") as error:
        recipe_named("slow")
    assert (error.value.field, error.value.value) == ("recipe", "slow")


def test_a_seed_reaches_every_model() -> None:
    seeded = recipe_named("default").seeded(7)
    assert {seeded.two_tower.seed, seeded.prerank.seed, seeded.ranker.seed} == {7}
    assert seeded.seeded(1) == recipe_named("default")
