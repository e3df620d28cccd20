"""Posts that are old for anybody."""

import numpy as np
from numpy.typing import NDArray

from deployments.catalogue.catalogue import Catalogue
from deployments.pipeline.candidates import Candidates
from deployments.pipeline.components import SoftFilter
from deployments.pipeline.query import Query
from kernels.columns import DAY_MS


class Recency(SoftFilter):
    name = "recency"
    reason = "too old"

    def __init__(self, catalogue: Catalogue, days: int) -> None:
        self._catalogue = catalogue
        self._window_ms = days * DAY_MS

    def keep(self, query: Query, candidates: Candidates) -> NDArray[np.bool_]:
        return self._catalogue.posts.columns.created_ms[candidates.rows] >= query.now_ms - self._window_ms
