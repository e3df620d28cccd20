"""Approximate nearest neighbours of the user's long-term taste: the two-tower model's vector in the FAISS index."""

import numpy as np

from deployments.loaded_release import LoadedRelease
from deployments.pipeline.components import Source
from deployments.pipeline.query import Query
from kernels.columns import I32


class LongTerm(Source):
    name = "long_term"

    def __init__(self, release: LoadedRelease, limit: int) -> None:
        self._release = release
        self._limit = limit

    def enabled(self, query: Query) -> bool:
        return query.has_history

    def fetch(self, query: Query) -> I32:
        user = query.user
        vector = self._release.user_tower.encode(user.history_post, user.history_actions, query.hours_since_history())
        # The index answers -1 where it holds fewer posts than asked; the merge skips those.
        _, rows = self._release.index.search(vector[None], self._limit)
        found: I32 = rows[0].astype(np.int32)
        return found
