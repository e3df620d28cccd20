"""Posts that the feed has shown already on its pages before this one."""

import numpy as np
from numpy.typing import NDArray

from cluster.cursor import marks
from deployments.catalogue.catalogue import Catalogue
from deployments.pipeline.candidates import Candidates
from deployments.pipeline.components import Filter
from deployments.pipeline.query import Query


class Served(Filter):
    """Never gives way: a feed that has shown everything ends."""

    name = "served"
    reason = "on an earlier page of this feed"

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def enabled(self, query: Query) -> bool:
        return len(query.served) > 0

    def keep(self, query: Query, candidates: Candidates) -> NDArray[np.bool_]:
        found, served = marks(self._catalogue.posts.post_ids[candidates.rows]), np.sort(query.served)
        at = np.searchsorted(served, found)  # np.isin takes ten times as long
        keep: NDArray[np.bool_] = served[np.minimum(at, len(served) - 1)] != found
        return keep
