"""Utility: the weighted sum of the ranker's predictions that a feed maximises."""

from dataclasses import replace

import numpy as np

from deployments.pipeline.candidates import Candidates
from deployments.pipeline.components import MissingInput, Scorer
from deployments.pipeline.query import Query
from deployments.scorers.weights import Weights
from kernels.utility import utility


class Utility(Scorer):
    name = "utility"

    def __init__(self, weights: Weights) -> None:
        self._weights = weights

    def score(self, query: Query, candidates: Candidates) -> Candidates:
        if candidates.heads is None:
            raise MissingInput("ranker")
        total = np.empty(len(candidates), np.float32)
        query.weights = self._weights.of(query).heads
        utility(candidates.heads, query.weights, total)
        return replace(candidates, score=total)
