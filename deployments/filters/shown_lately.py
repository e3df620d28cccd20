"""Posts that the user's feeds have shown a moment ago, whether or not they were looked at."""

import numpy as np
from numpy.typing import NDArray

from deployments.catalogue.catalogue import Catalogue
from deployments.filters.served import unmarked
from deployments.pipeline.candidates import Candidates
from deployments.pipeline.components import SoftFilter
from deployments.pipeline.query import Query


class ShownLately(SoftFilter):
    """For requests that ask for something else, as who pulls to refresh does."""

    name = "shown_lately"
    reason = "in a feed that the user was answered a moment ago"

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def enabled(self, query: Query) -> bool:
        return len(query.shown) > 0

    def keep(self, query: Query, candidates: Candidates) -> NDArray[np.bool_]:
        return unmarked(self._catalogue.posts.post_ids[candidates.rows], query.shown)
