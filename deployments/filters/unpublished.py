"""Posts from after the moment that the feed is made for."""

import numpy as np
from numpy.typing import NDArray

from cluster.post_table import PostTable
from deployments.pipeline.candidates import Candidates
from deployments.pipeline.components import Filter
from deployments.pipeline.query import Query


class Unpublished(Filter):
    name = "unpublished"

    def __init__(self, posts: PostTable) -> None:
        self._created_ms = posts.columns.created_ms

    def keep(self, query: Query, candidates: Candidates) -> NDArray[np.bool_]:
        return self._created_ms[candidates.rows] <= query.now_ms
