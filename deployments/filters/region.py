"""Posts that must not be shown where the user is."""

import numpy as np
from numpy.typing import NDArray

from deployments.catalogue.catalogue import Catalogue
from deployments.pipeline.candidates import Candidates
from deployments.pipeline.components import Filter
from deployments.pipeline.query import Query


class Region(Filter):
    """A user whose region is not known sees only posts for everywhere."""

    name = "region"
    reason = "not for the user's region"

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def enabled(self, query: Query) -> bool:
        return self._catalogue.region_limits.any

    def keep(self, query: Query, candidates: Candidates) -> NDArray[np.bool_]:
        return self._catalogue.region_limits.allow(candidates.rows, query.region)
