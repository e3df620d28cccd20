"""What was liked most lately; the whole feed of someone nobody knows."""

from deployments.loaded_release import LoadedRelease
from deployments.pipeline.components import Source
from deployments.pipeline.query import Query
from kernels.columns import I32


class Popular(Source):
    name = "popular"
    required = True  # the bottom of the ladder: without it a late request would be answered with nothing

    def __init__(self, release: LoadedRelease, limit: int) -> None:
        self._rows = release.popular[:limit]

    def fetch(self, query: Query) -> I32:
        return self._rows
