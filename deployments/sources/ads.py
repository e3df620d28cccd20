"""Ads that promise the most before anything is known of the viewer: bid times how often people engage with them."""

from typing import ClassVar, Final

import numpy as np

from deployments.catalogue.catalogue import Catalogue
from deployments.pipeline.components import Source
from deployments.pipeline.query import Query
from deployments.sources.held import Held
from kernels.actions import COUNT, POSITIVE_COUNTS
from kernels.columns import I32
from kernels.decay import MONTH

#: Impressions of average luck that every ad begins with.
PRIOR: Final = 100.0
_IMPRESSIONS: Final = COUNT["impression"]
_POSITIVE: Final = list(POSITIVE_COUNTS)


class Ads(Source):
    name = "ads"
    reserves: ClassVar[bool] = True

    def __init__(self, catalogue: Catalogue, limit: int) -> None:
        self._catalogue = catalogue
        self._limit = limit
        self._best = Held(self._promising)

    def enabled(self, query: Query) -> bool:
        return len(self._catalogue.ads.rows) > 0

    def fetch(self, query: Query) -> I32:
        return self._catalogue.first_alive(self._best.at(query.now_ms), query.reach(self._limit))

    def _promising(self, now_ms: int) -> I32:
        """All ads, the most promising first."""
        columns, ads = self._catalogue.posts.columns, self._catalogue.ads
        counts = columns.counts[ads.rows, MONTH].astype(np.float64)
        engaged = counts[:, _POSITIVE].sum(axis=1) + PRIOR * columns.prior[_POSITIVE].sum()
        rate = engaged / (counts[:, _IMPRESSIONS] + PRIOR)
        return ads.rows[np.argsort(-ads.bids[ads.rows] * rate, kind="stable")]
