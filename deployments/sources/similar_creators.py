"""What those have published lately who post like those whom the user follows."""

import numpy as np

from deployments.catalogue.catalogue import Catalogue
from deployments.pipeline.components import Source
from deployments.pipeline.query import Query
from kernels.columns import HOUR_MS, I32

#: Followed authors that others may be similar to, those with whom the user has engaged first.
MODELS = 32


class SimilarCreators(Source):
    name = "similar_creators"

    def __init__(self, similar: I32, catalogue: Catalogue, limit: int, hours: int) -> None:
        """`similar`: int32[A, S] rows of the authors most similar to each; negative = none."""
        self._similar = similar
        self._catalogue = catalogue
        self._limit = limit
        self._window_ms = hours * HOUR_MS

    def enabled(self, query: Query) -> bool:
        return len(query.user.follow_author) > 0

    def fetch(self, query: Query) -> I32:
        user, now_ms = query.user, query.now_ms
        followed = user.follow_author[user.follow_author < len(self._similar)]  # others came after the release
        engaged = np.isin(followed, user.author[0][user.author_engaged[0] > 0])
        models = followed[np.argsort(~engaged, kind="stable")][:MODELS]
        similar = np.setdiff1d(self._similar[models], user.follow_author)
        similar = similar[similar >= 0]
        if not len(similar):
            return similar
        return self._catalogue.newest_by(similar, now_ms - self._window_ms, now_ms, query.reach(self._limit))
