"""Posts from after the moment that the feed is made for."""

import numpy as np
from numpy.typing import NDArray

from deployments.catalogue.catalogue import Catalogue
from deployments.pipeline.candidates import Candidates
from deployments.pipeline.components import Filter
from deployments.pipeline.query import Query


class Unpublished(Filter):
    name = "unpublished"
    reason = "not published yet"

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def keep(self, query: Query, candidates: Candidates) -> NDArray[np.bool_]:
        return self._catalogue.posts.columns.created_ms[candidates.rows] <= query.now_ms
