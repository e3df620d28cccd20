"""Nearest neighbours of the user's long-term taste: the two-tower model's vector in the live index."""

from deployments.catalogue.catalogue import Catalogue
from deployments.pipeline.components import Source
from deployments.pipeline.query import Query
from kernels.columns import I32


class LongTerm(Source):
    name = "long_term"

    def __init__(self, catalogue: Catalogue, limit: int) -> None:
        self._catalogue = catalogue
        self._limit = limit

    def enabled(self, query: Query) -> bool:
        return query.has_history

    def fetch(self, query: Query) -> I32:
        user, tower = query.user, self._catalogue.user_tower
        vector = tower.encode(user.history_post, user.history_actions, query.hours_since_history())
        return self._catalogue.search(vector, query.reach(self._limit))
