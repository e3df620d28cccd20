"""Utility and business rules of the settings, as kernels take them: in serving and in evaluation."""

from collections.abc import Mapping
from typing import Final

import numpy as np

from cluster.settings import Rules
from kernels.columns import F32, HOUR_MS
from kernels.rerank import RerankRules

#: The ranker tells seconds watched; the weight is per minute, so that it compares with those of actions.
_SCALE: Final = {"watch_time": 1 / 60}


def utility_weights(weights: Mapping[str, float], heads: tuple[str, ...]) -> F32:
    """What `kernels.utility` multiplies the predictions of each head by, float32[H]."""
    return np.array([weights.get(head, 0.0) * _SCALE.get(head, 1.0) for head in heads], np.float32)


def rerank_rules(rules: Rules) -> RerankRules:
    """The rules of `kernels.rerank`."""
    return RerankRules(
        fresh_ms=int(rules.fresh_boost_hours * HOUR_MS),
        fresh_boost=rules.fresh_boost,
        author_cap=rules.author_cap,
        author_cap_window=rules.author_cap_window,
    )
