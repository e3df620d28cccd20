"""The newest uploads."""

from deployments.catalogue.catalogue import Catalogue
from deployments.pipeline.components import Source
from deployments.pipeline.query import Query
from kernels.columns import HOUR_MS, I32


class Fresh(Source):
    name = "fresh"

    def __init__(self, catalogue: Catalogue, limit: int, hours: int) -> None:
        self._catalogue = catalogue
        self._limit = limit
        self._window_ms = hours * HOUR_MS

    def fetch(self, query: Query) -> I32:
        return self._catalogue.newest(query.now_ms - self._window_ms, query.now_ms, query.reach(self._limit))
