"""What is searched can be set, and has the default recipe inside."""

import pytest
from optuna.distributions import CategoricalDistribution

from training.recipes import recipe_named
from training.recipes.spaces import SPACES
from training.train.names import TUNABLE, Tunable


@pytest.mark.parametrize("model", TUNABLE)
def test_a_search_can_begin_with_the_default_recipe(model: Tunable) -> None:
    config = getattr(recipe_named("default"), model)
    for name, values in SPACES[model].items():
        value = getattr(config, name)
        if isinstance(values, CategoricalDistribution):
            assert value in values.choices, name
        else:
            assert values.low <= value <= values.high, name  # type: ignore[attr-defined]
