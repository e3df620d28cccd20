"""Utility: the weighted sum of the ranker's predictions that a feed maximises."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from cluster.ranking_rules import utility_weights
from deployments.pipeline.candidates import Candidates
from deployments.pipeline.components import MissingInput, Scorer
from deployments.pipeline.query import Query
from kernels.utility import utility


class Utility(Scorer):
    name = "utility"

    def __init__(self, heads: tuple[str, ...], weights: Mapping[str, float]) -> None:
        self._weights = utility_weights(weights, heads)

    def score(self, query: Query, candidates: Candidates) -> Candidates:
        if candidates.heads is None:
            raise MissingInput("ranker")
        total = np.empty(len(candidates), np.float32)
        utility(candidates.heads, self._weights, total)
        query.weights = self._weights
        return replace(candidates, score=total)
