"""Recipes: Python functions that return the whole configuration of a training run.

A variant calls the recipe that it is made from and changes what differs. A new one is a file here, named as its
function, with its entry in `RECIPES`. `cascade tune` writes its own as JSON.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from cluster.errors import InvalidField
from training.recipes.changes import SUFFIX, RecipeFile
from training.recipes.default import default
from training.recipes.quick import quick
from training.recipes.recipe import Recipe

__all__ = ["RECIPES", "Recipe", "recipe_named"]

RECIPES: Final[Mapping[str, Callable[[], Recipe]]] = MappingProxyType({"default": default, "quick": quick})


def recipe_named(name: str) -> Recipe:
    """The recipe of that name, or of the JSON file at that path. Raises InvalidField with the recipes there are."""
    file = RecipeFile.read(name)
    if file.recipe not in RECIPES:
        raise InvalidField("recipe", file.recipe, f"must be one of {', '.join(RECIPES)}, or a file *{SUFFIX}")
    return file.apply(RECIPES[file.recipe]())
