"""The first candidates in their present order."""

from typing import ClassVar

import numpy as np

from deployments.pipeline.candidates import Candidates
from deployments.pipeline.components import Selector, Stage
from deployments.pipeline.query import Query


class First(Selector):
    """Bounds what the later stages cost."""

    name = "first"
    reason = "too far back in the order of the sources to be pre-ranked"
    stage: ClassVar[Stage] = "candidates"

    def __init__(self, limit: int) -> None:
        self._limit = limit

    def select(self, query: Query, candidates: Candidates) -> Candidates:
        return candidates.cut(np.arange(min(query.cut(self._limit), len(candidates))))
