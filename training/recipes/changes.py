"""A recipe as a file: the name of another one, and what differs from it.

{"recipe": "default", "ranker": {"epochs": 1, "dropout": 0.2}}
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any, Final

import msgspec

from cluster.errors import CascadeError, InvalidField
from training.recipes.recipe import Recipe

#: What a name of a recipe ends with that is a file.
SUFFIX: Final = ".json"
Changes = dict[str, dict[str, Any]]


class RecipeFile(msgspec.Struct, frozen=True):
    """The name of a recipe, and values of fields by part of it."""

    recipe: str
    changes: Changes

    @classmethod
    def read(cls, name: str) -> "RecipeFile":
        """What the file `name` holds; of a name that is no file's, the name itself without any change.

        Raises CascadeError when there is no such file, or it is none of these.
        """
        if not name.endswith(SUFFIX):
            return cls(name, {})
        try:
            changes = msgspec.json.decode(Path(name).read_bytes(), type=dict[str, str | dict[str, Any]])
            recipe = msgspec.convert(changes.pop("recipe"), str)
            return cls(recipe, msgspec.convert(changes, Changes))
        except (OSError, KeyError, msgspec.MsgspecError) as error:
            raise CascadeError(
                f"{name} is no recipe: {error!r}", 'it should be like {"recipe": "default", "ranker": {"epochs": 1}}'
            ) from None

    def changed(self, part: str, values: Mapping[str, Any]) -> "RecipeFile":
        """The same with other values in one part."""
        return RecipeFile(self.recipe, self.changes | {part: self.changes.get(part, {}) | dict(values)})

    def write(self, path: Path) -> None:
        path.write_text(json.dumps({"recipe": self.recipe, **self.changes}, indent=2) + "\n")

    def apply(self, recipe: Recipe) -> Recipe:
        """`recipe` with the changes. Raises InvalidField for what is no part, no field, or of another type."""
        parts = [field.name for field in fields(recipe)]
        for part, values in self.changes.items():
            if part not in parts:
                raise InvalidField("recipe", part, f"must be one of {', '.join(parts)}")
            recipe = replace(recipe, **{part: _changed(part, getattr(recipe, part), values)})
        return recipe


def _changed(part: str, config: Any, values: Mapping[str, Any]) -> Any:
    names = [field.name for field in fields(config)]
    for name in values:
        if name not in names:
            raise InvalidField(f"recipe.{part}", name, f"must be one of {', '.join(names)}")
    try:
        return msgspec.convert(asdict(config) | dict(values), type(config))
    except msgspec.ValidationError as error:
        raise InvalidField(f"recipe.{part}", dict(values), str(error)) from None
