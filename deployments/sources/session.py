"""Nearest neighbours of what the user is after now: the session encoder's vector, in the live index."""

from deployments.catalogue.catalogue import Catalogue
from deployments.pipeline.components import Source
from deployments.pipeline.query import Query
from kernels.columns import I32


class Session(Source):
    name = "session"

    def __init__(self, catalogue: Catalogue, limit: int) -> None:
        self._catalogue = catalogue
        self._limit = limit

    def enabled(self, query: Query) -> bool:
        return query.has_history and self._catalogue.session_encoder is not None

    def fetch(self, query: Query) -> I32:
        user, encoder = query.user, self._catalogue.session_encoder
        assert encoder is not None
        vector = encoder.encode(user.history_post, user.history_actions, query.hours_since_history())
        return self._catalogue.search(vector, query.reach(self._limit))
