"""The slots of a feed that ads have."""

from collections.abc import Sequence

import numpy as np

from deployments.catalogue.catalogue import Catalogue
from deployments.pipeline.candidates import Candidates
from deployments.pipeline.components import Selector
from deployments.pipeline.query import Query
from deployments.selectors.slots import put


class AdSlots(Selector):
    """Puts the most valuable ads into their slots, the best first; the others go. An ad of no value gets none."""

    name = "ad_slots"
    reason = "an ad that is worth less than those in the slots, or behind the last place of the page"

    def __init__(self, catalogue: Catalogue, slots: Sequence[int]) -> None:
        """`slots`: positions, ascending; 0 is the first."""
        self._catalogue = catalogue
        self._slots = slots

    def enabled(self, query: Query) -> bool:
        return len(self._catalogue.ads.rows) > 0

    def select(self, query: Query, candidates: Candidates) -> Candidates:
        own = self._catalogue.ads.among(candidates.rows)
        feed, ads = candidates.take(~own), candidates.take(own)
        if ads.heads is not None:  # else the score is an older one, and says nothing of value
            ads = ads.take(ads.score > 0)
        best = ads.take(np.argsort(-ads.score, kind="stable"))
        return put(best, self._slots, feed).first(query.request.limit)
