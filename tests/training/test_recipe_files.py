"""Recipes that are files."""

import json
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import pytest

from cluster.errors import CascadeError, InvalidField
from training.recipes import recipe_named
from training.recipes.changes import RecipeFile


def written(folder: Path, document: Any) -> str:
    (folder / "recipe.json").write_text(json.dumps(document))
    return str(folder / "recipe.json")


def test_a_file_changes_what_it_names(tmp_path: Path) -> None:
    file = written(tmp_path, {"recipe": "quick", "ranker": {"dropout": 0.25, "epochs": 3}})
    recipe, quick = recipe_named(file), recipe_named("quick")
    assert (recipe.ranker.dropout, recipe.ranker.epochs) == (0.25, 3)
    assert asdict(recipe) | {"ranker": None} == asdict(quick) | {"ranker": None}
    RecipeFile.read(file).changed("prerank", {"depth": 5}).changed("ranker", {"epochs": 4}).write(tmp_path / "2.json")
    again = recipe_named(str(tmp_path / "2.json"))
    assert (again.prerank.depth, again.ranker.epochs, again.ranker.dropout) == (5, 4, 0.25)


def test_every_field_can_be_changed(tmp_path: Path) -> None:
    default = recipe_named("default")
    document = {field.name: asdict(getattr(default, field.name)) for field in fields(default)}
    assert recipe_named(written(tmp_path, {"recipe": "quick", **document})) == default


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"recipe": "slow"}, "recipe has value 'slow': must be one of default, quick"),
        ({"recipe": "quick", "rankr": {"epochs": 1}}, "recipe has value 'rankr': must be one of examples, two_tower"),
        ({"recipe": "quick", "ranker": {"epoch": 1}}, "recipe.ranker has value 'epoch': must be one of"),
        ({"recipe": "quick", "ranker": {"epochs": "1"}}, "Expected `int`, got `str`"),
    ],
)
def test_what_does_not_fit_is_named(document: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidField, match=message):
        recipe_named(written(tmp_path, document))


@pytest.mark.parametrize("document", [[], {}, {"ranker": {"epochs": 1}}, {"recipe": "quick", "ranker": 1}])
def test_other_files_are_no_recipes(document: Any, tmp_path: Path) -> None:
    with pytest.raises(CascadeError, match="is no recipe"):
        recipe_named(written(tmp_path, document))
    with pytest.raises(CascadeError, match="is no recipe"):
        recipe_named(str(tmp_path / "none.json"))
