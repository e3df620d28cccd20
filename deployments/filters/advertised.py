"""Ads: where they may not be, and to whom they have been shown enough."""

import numpy as np
from numpy.typing import NDArray

from cluster.ads import NO_CAP
from deployments.catalogue.catalogue import Catalogue
from deployments.pipeline.candidates import Candidates
from deployments.pipeline.components import Filter
from deployments.pipeline.query import Query
from kernels.columns import DAY_MS


class Advertised(Filter):
    """Who pays for a post has no place among those that nobody pays for."""

    name = "advertised"
    reason = "an ad, which has no place among other posts here"

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def enabled(self, query: Query) -> bool:
        return len(self._catalogue.ads.rows) > 0

    def keep(self, query: Query, candidates: Candidates) -> NDArray[np.bool_]:
        organic = ~self._catalogue.ads.among(candidates.rows)
        return organic if candidates.reserved is None else organic | candidates.reserved


class FrequencyCap(Filter):
    """Ads that the user was shown as often as they may be in a day.

    Of posts that have left the history only the last impression is known: an ad among them counts as shown enough.
    """

    name = "frequency_cap"
    reason = "an ad that the user was shown as often as it may be in a day"

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def enabled(self, query: Query) -> bool:
        return query.has_history and len(self._catalogue.ads.rows) > 0

    def keep(self, query: Query, candidates: Candidates) -> NDArray[np.bool_]:
        ads, state, since_ms = self._catalogue.ads, query.state, query.now_ms - DAY_MS
        at = np.flatnonzero(ads.among(candidates.rows))
        rows = candidates.rows[at]
        today = query.user.history_post[query.user.history_time_ms > since_ms]
        capped = (today == rows[:, None]).sum(axis=1) >= ads.daily_caps[rows]
        if state.seen_posts:
            lately = np.frombuffer(state.seen_times, "<u4") > since_ms // 1000
            before = self._catalogue.posts.post_rows(np.frombuffer(state.seen_posts, "<i8")[lately])
            capped |= np.isin(rows, before) & (ads.daily_caps[rows] < NO_CAP)
        keep = np.ones(len(candidates), np.bool_)
        keep[at[capped]] = False
        return keep
