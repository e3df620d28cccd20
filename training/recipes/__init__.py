"""Recipes: Python functions that return the whole configuration of a training run.

A variant calls the recipe that it is made from and changes what differs. A new one is a file here, named as its
function, with its entry in `RECIPES`.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from cluster.errors import InvalidField
from training.recipes.default import default
from training.recipes.quick import quick
from training.recipes.recipe import Recipe

__all__ = ["RECIPES", "Recipe", "recipe_named"]

RECIPES: Final[Mapping[str, Callable[[], Recipe]]] = MappingProxyType({"default": default, "quick": quick})


def recipe_named(name: str) -> Recipe:
    """Raises InvalidField with the recipes there are."""
    if name not in RECIPES:
        raise InvalidField("recipe", name, f"must be one of {', '.join(RECIPES)}")
    return RECIPES[name]()
