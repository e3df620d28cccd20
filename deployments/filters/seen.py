"""Posts that the user has been shown already: those of the history, and of the last hours beyond it."""

import numpy as np
from numpy.typing import NDArray

from deployments.catalogue.catalogue import Catalogue
from deployments.filters.membership import not_among
from deployments.pipeline.candidates import Candidates
from deployments.pipeline.components import SoftFilter
from deployments.pipeline.query import Query


class Seen(SoftFilter):
    """Who has seen everything is shown it again."""

    name = "seen"
    reason = "the user has been shown it already"

    def __init__(self, catalogue: Catalogue, hours: int) -> None:
        """`hours`: how long a post that has left the history stays seen."""
        self._catalogue = catalogue
        self._window_s = hours * 3600

    def wanted(self, query: Query) -> int:
        return 1

    def enabled(self, query: Query) -> bool:
        return query.has_history

    def keep(self, query: Query, candidates: Candidates) -> NDArray[np.bool_]:
        seen, state = query.user.history_post, query.state
        if state.seen_posts:
            lately = np.frombuffer(state.seen_times, "<u4") >= query.now_ms // 1000 - self._window_s
            seen = np.append(seen, self._catalogue.posts.post_rows(np.frombuffer(state.seen_posts, "<i8")[lately]))
        return not_among(candidates.rows, seen)
