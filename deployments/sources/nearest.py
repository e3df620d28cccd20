"""Nearest neighbours of a vector that is made of what the user did."""

from abc import abstractmethod

from deployments.catalogue.catalogue import Catalogue
from deployments.pipeline.components import Source
from deployments.pipeline.query import Query
from kernels.columns import F32, I32


class Nearest(Source):
    """In the index of this process, or, where `query.found` says so, in those of shards, which were asked before."""

    def __init__(self, catalogue: Catalogue, limit: int) -> None:
        self._catalogue = catalogue
        self._limit = limit

    @abstractmethod
    def vector(self, query: Query) -> F32:
        """Unit vector [D] in the space of the posts."""

    def wanted(self, query: Query) -> int:
        """How many neighbours are looked for."""
        return query.reach(self._limit)

    def enabled(self, query: Query) -> bool:
        return query.has_history

    def fetch(self, query: Query) -> I32:
        if query.found is not None:
            return query.found.rows[self.name]
        return self._catalogue.search(self.vector(query), self.wanted(query))

    def missed(self, query: Query) -> float:
        return 0.0 if query.found is None else query.found.missed
