"""Nearest neighbours of the user's long-term taste: the two-tower model's vector."""

from deployments.pipeline.query import Query
from deployments.sources.nearest import Nearest
from kernels.columns import F32


class LongTerm(Nearest):
    name = "long_term"

    def vector(self, query: Query) -> F32:
        user, tower = query.user, self._catalogue.user_tower
        return tower.encode(user.history_post, user.history_actions, query.hours_since_history())
