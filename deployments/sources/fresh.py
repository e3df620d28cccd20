"""The newest uploads."""

import numpy as np

from deployments.loaded_release import LoadedRelease
from deployments.pipeline.components import Source
from deployments.pipeline.query import Query
from kernels.columns import HOUR_MS, I32


class Fresh(Source):
    name = "fresh"

    def __init__(self, release: LoadedRelease, limit: int, hours: int) -> None:
        created = release.posts.columns.created_ms
        self._by_age = np.argsort(created, kind="stable").astype(np.int32)
        self._created = created[self._by_age]
        self._limit = limit
        self._window_ms = hours * HOUR_MS

    def fetch(self, query: Query) -> I32:
        oldest, newest = np.searchsorted(self._created, [query.now_ms - self._window_ms, query.now_ms + 1])
        return self._by_age[max(oldest, newest - self._limit) : newest][::-1]
