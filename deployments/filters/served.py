"""Posts that the feed has shown already on its pages before this one."""

import numpy as np
from numpy.typing import NDArray

from cluster.cursor import marks
from deployments.catalogue.catalogue import Catalogue
from deployments.filters.membership import not_among
from deployments.pipeline.candidates import Candidates
from deployments.pipeline.components import Filter
from deployments.pipeline.query import Query
from kernels.columns import I64, U32


class Served(Filter):
    """Never gives way: a feed that has shown everything ends."""

    name = "served"
    reason = "on an earlier page of this feed"

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def enabled(self, query: Query) -> bool:
        return len(query.served) > 0

    def keep(self, query: Query, candidates: Candidates) -> NDArray[np.bool_]:
        return unmarked(self._catalogue.posts.post_ids[candidates.rows], query.served)


def unmarked(post_ids: I64, marked: U32) -> NDArray[np.bool_]:
    """Mask of `post_ids` that are not among the posts of `cluster.cursor.marks`."""
    return not_among(marks(post_ids), marked)
