"""Nearest neighbours of what the user is after now: the session encoder's vector."""

from deployments.pipeline.query import Query
from deployments.sources.nearest import Nearest
from kernels.columns import F32


class Session(Nearest):
    name = "session"

    def enabled(self, query: Query) -> bool:
        return query.has_history and self._catalogue.session_encoder is not None

    def vector(self, query: Query) -> F32:
        user, encoder = query.user, self._catalogue.session_encoder
        assert encoder is not None
        return encoder.encode(user.history_post, user.history_actions, query.hours_since_history())
