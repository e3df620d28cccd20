"""Utility and business rules of the settings, as kernels take them: in serving and in evaluation."""

from collections.abc import Mapping
from typing import Final

import numpy as np

from cluster.rules import Rules
from kernels.boosts import RerankRules
from kernels.columns import F32, HOUR_MS

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
        close_boost=rules.close_boost,
        served_ms=max(1, int(rules.served_hours * HOUR_MS)),
        served_decay=rules.served_decay,
        served_floor=rules.served_floor,
        author_decay=rules.author_decay,
        author_decay_floor=rules.author_decay_floor,
        diversity=rules.diversity,
        diversity_window=rules.diversity_window,
        author_cap=rules.author_cap,
        author_cap_window=rules.author_cap_window,
        kind_run=rules.kind_run,
        kind_share=rules.kind_share,
        kind_window=rules.kind_window,
        new_share=rules.creator_floor,
    )
