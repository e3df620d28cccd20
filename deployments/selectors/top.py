"""The candidates with the highest scores."""

from typing import ClassVar

from deployments.pipeline.candidates import Candidates
from deployments.pipeline.components import Selector, Stage
from deployments.pipeline.query import Query
from kernels.topk import top_k


class Top(Selector):
    """Sends on the pre-ranker's choice, or a whole page more where a request wants more than that."""

    name = "top"
    reason = "below the pre-rank cut: too low a score to be ranked"
    stage: ClassVar[Stage] = "scoring"

    def __init__(self, limit: int) -> None:
        self._limit = limit

    def select(self, query: Query, candidates: Candidates) -> Candidates:
        return candidates.cut(top_k(candidates.score, query.cut(self._limit)))
