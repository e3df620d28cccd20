"""What was liked most lately; the whole feed of someone nobody knows."""

from deployments.catalogue.catalogue import Catalogue
from deployments.pipeline.components import Source
from deployments.pipeline.query import Query
from kernels.columns import I32


class Popular(Source):
    name = "popular"
    required = True  # the bottom of the ladder: without it a late request would be answered with nothing

    def __init__(self, rows: I32, catalogue: Catalogue, limit: int) -> None:
        """`rows`: posts, most popular first."""
        self._rows = rows
        self._catalogue = catalogue
        self._limit = limit

    def fetch(self, query: Query) -> I32:
        return self._catalogue.first_alive(self._rows, query.reach(self._limit))
