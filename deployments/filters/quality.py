"""Posts that many were shown and few liked."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from deployments.catalogue.catalogue import Catalogue
from deployments.pipeline.candidates import Candidates
from deployments.pipeline.components import SoftFilter
from deployments.pipeline.query import Query
from kernels.actions import COUNT, COUNTS, POSITIVE_COUNTS
from kernels.decay import MONTH, WINDOWS_MS
from kernels.rates import RATE_PRIOR

#: 1 at each column of a counter that is a positive action.
_POSITIVE: Final = np.isin(np.arange(len(COUNTS)), POSITIVE_COUNTS).astype(np.float32)


class Quality(SoftFilter):
    """A post must get a share of the positive actions that the average post gets per impression.

    Rates are smoothed, so that a post of which little is known is an average one.
    """

    name = "quality"
    reason = "people have done too little with it"

    def __init__(self, catalogue: Catalogue, floor: float) -> None:
        self._catalogue = catalogue
        self._floor = floor

    def keep(self, query: Query, candidates: Candidates) -> NDArray[np.bool_]:
        posts, rows = self._catalogue.posts.columns, candidates.rows
        left = np.exp(-np.maximum(query.now_ms - posts.counted_ms[rows], 0) / WINDOWS_MS[MONTH])
        average = posts.prior @ _POSITIVE
        # (actions + P average) / (impressions + P) >= floor average, with what a post's own counts say on one side
        weights = _POSITIVE.copy()
        weights[COUNT["impression"]] = -self._floor * average
        keep: NDArray[np.bool_] = posts.counts[rows, MONTH] @ weights * left >= RATE_PRIOR * (self._floor - 1) * average
        return keep
