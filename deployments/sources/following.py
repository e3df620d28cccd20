"""What those have published lately whom the user follows."""

from deployments.catalogue.catalogue import Catalogue
from deployments.pipeline.components import Source
from deployments.pipeline.query import Query
from kernels.columns import HOUR_MS, I32


class Following(Source):
    name = "following"

    def __init__(self, catalogue: Catalogue, limit: int, hours: int) -> None:
        self._catalogue = catalogue
        self._limit = limit
        self._window_ms = hours * HOUR_MS

    def enabled(self, query: Query) -> bool:
        return len(query.user.follow_author) > 0

    def fetch(self, query: Query) -> I32:
        now_ms, limit = query.now_ms, query.reach(self._limit)
        return self._catalogue.newest_by(query.user.follow_author, now_ms - self._window_ms, now_ms, limit)
