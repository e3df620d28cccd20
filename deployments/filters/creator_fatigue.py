"""Posts of authors whom the user has seen so much of today that one more would not please."""

import numpy as np
from numpy.typing import NDArray

from deployments.catalogue.catalogue import Catalogue
from deployments.filters.membership import not_among
from deployments.pipeline.candidates import Candidates
from deployments.pipeline.components import SoftFilter
from deployments.pipeline.query import Query
from kernels.decay import DAY, MONTH, WINDOWS_MS, fade


class CreatorFatigue(SoftFilter):
    """Today's impressions of an author (decayed over a day) may exceed the user's positive actions on the author
    (decayed over 28 days) by `impressions` at most."""

    name = "creator_fatigue"
    reason = "the user has been shown too much of its author lately"

    def __init__(self, catalogue: Catalogue, impressions: float) -> None:
        self._catalogue = catalogue
        self._impressions = impressions

    def enabled(self, query: Query) -> bool:
        return query.has_history

    def keep(self, query: Query, candidates: Candidates) -> NDArray[np.bool_]:
        user = query.user
        age_ms = query.now_ms - int(user.counted_ms[0])
        shown = user.author_shown[0] * fade(age_ms, WINDOWS_MS[DAY])
        engaged = user.author_engaged[0] * fade(age_ms, WINDOWS_MS[MONTH])
        tiring = user.author[0, shown - engaged > self._impressions]
        return not_among(self._catalogue.posts.columns.author[candidates.rows], tiring)
