"""What `cascade tune` searches: fields of a model's training, each with the range it is taken from.

Ranges lie around the default recipe, whose values are the first trial of every search. What changes the cost of a
request (trees, layers, vectors) is not searched: it would always want more.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from training.train.names import Tunable

Space: TypeAlias = Mapping[str, BaseDistribution]

SPACES: Final[Mapping[Tunable, Space]] = MappingProxyType(
    {
        "two_tower": {
            "learning_rate": FloatDistribution(0.005, 0.08, log=True),
            "weight_decay": FloatDistribution(0.01, 1.0, log=True),
            "horizon": IntDistribution(16, 128, log=True),
            "idle_weight": FloatDistribution(0.0, 1.0),
            "shown_negatives": FloatDistribution(0.0, 2.0),
            "negatives": CategoricalDistribution((256, 512, 1024)),
            "id_dropout": FloatDistribution(0.0, 0.4),
        },
        "ranker": {
            "epochs": IntDistribution(1, 3),
            "batch": CategoricalDistribution((1024, 2048, 4096)),
            "learning_rate": FloatDistribution(2e-4, 5e-3, log=True),
            "table_rate": FloatDistribution(1e-4, 1e-2, log=True),
            "weight_decay": FloatDistribution(1e-3, 1.0, log=True),
            "table_penalty": FloatDistribution(1e-3, 1e-1, log=True),
            "dropout": FloatDistribution(0.0, 0.4),
            "id_dropout": FloatDistribution(0.0, 0.4),
            "weighting": CategoricalDistribution(("fixed", "uncertainty")),
            "watch_weight": FloatDistribution(0.01, 1.0, log=True),
        },
        "prerank": {
            "objective": CategoricalDistribution(("logistic", "lambdamart")),
            "learning_rate": FloatDistribution(0.03, 0.3, log=True),
            "leaf_weight": FloatDistribution(5.0, 500.0, log=True),
            "row_share": FloatDistribution(0.4, 1.0),
            "column_share": FloatDistribution(0.2, 1.0),
        },
    }
)
