"""The pre-ranker: gradient-boosted trees over all candidates, to choose those worth ranking."""

from dataclasses import replace

import numpy as np

from deployments.pipeline.candidates import Candidates
from deployments.pipeline.components import MissingInput, Scorer
from deployments.pipeline.query import Query
from kernels.trees import Forest, predict_forest


class PreRank(Scorer):
    name = "prerank"

    def __init__(self, forest: Forest) -> None:
        self._forest = forest

    def score(self, query: Query, candidates: Candidates) -> Candidates:
        if candidates.x is None:
            raise MissingInput("features")
        margin = np.empty(len(candidates), np.float32)
        predict_forest(self._forest, candidates.x, margin)
        return replace(candidates, score=margin)
