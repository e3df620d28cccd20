"""Utility: the weighted sum of the ranker's predictions that a feed maximises."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from deployments.pipeline.candidates import Candidates
from deployments.pipeline.components import MissingInput, Scorer
from deployments.pipeline.query import Query
from kernels.utility import utility


class Utility(Scorer):
    name = "utility"

    def __init__(self, heads: tuple[str, ...], weights: Mapping[str, float]) -> None:
        # The ranker tells seconds watched; the weight is per minute, so that it compares with those of actions.
        scale = {"watch_time": 1 / 60}
        self._weights = np.array([weights.get(head, 0.0) * scale.get(head, 1.0) for head in heads], np.float32)

    def score(self, query: Query, candidates: Candidates) -> Candidates:
        if candidates.heads is None:
            raise MissingInput("ranker")
        total = np.empty(len(candidates), np.float32)
        utility(candidates.heads, self._weights, total)
        return replace(candidates, score=total)
