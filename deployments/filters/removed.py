"""Posts that were deleted, or removed by moderation."""

import numpy as np
from numpy.typing import NDArray

from deployments.catalogue.catalogue import Catalogue
from deployments.pipeline.candidates import Candidates
from deployments.pipeline.components import Filter
from deployments.pipeline.query import Query


class Removed(Filter):
    """The last word: a source may be built on something older than the removal."""

    name = "removed"
    reason = "deleted, or removed by moderation"

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def keep(self, query: Query, candidates: Candidates) -> NDArray[np.bool_]:
        return self._catalogue.alive[candidates.rows]
