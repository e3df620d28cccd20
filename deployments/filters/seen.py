"""Posts that the user has been shown already."""

import numpy as np
from numpy.typing import NDArray

from deployments.pipeline.candidates import Candidates
from deployments.pipeline.components import Filter
from deployments.pipeline.query import Query


class Seen(Filter):
    name = "seen"

    def enabled(self, query: Query) -> bool:
        return query.has_history

    def keep(self, query: Query, candidates: Candidates) -> NDArray[np.bool_]:
        return np.isin(candidates.rows, query.user.history_post, invert=True)
