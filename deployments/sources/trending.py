"""What is liked faster now than it was: first where the user is, then everywhere."""

import numpy as np

from cluster.vocabulary import stable_id
from deployments.counters.live_counters import LiveCounters
from deployments.pipeline.components import Source
from deployments.pipeline.query import Query
from kernels.columns import I32


class Trending(Source):
    name = "trending"

    def __init__(self, counters: LiveCounters, limit: int) -> None:
        self._counters = counters
        self._limit = limit

    def fetch(self, query: Query) -> I32:
        region = stable_id(query.region)
        local = self._counters.trending_in(region)[: self._limit // 2]
        rows: I32 = np.concatenate([local, self._counters.trending_everywhere()])
        return rows[: self._limit]
