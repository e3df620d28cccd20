"""Posts that the user has been shown already: those of the history, and of the last day beyond it."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from deployments.catalogue.catalogue import Catalogue
from deployments.pipeline.candidates import Candidates
from deployments.pipeline.components import Filter
from deployments.pipeline.query import Query

#: How long a post that has left the history stays seen.
_DAY_S: Final = 24 * 3600


class Seen(Filter):
    name = "seen"

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def enabled(self, query: Query) -> bool:
        return query.has_history

    def keep(self, query: Query, candidates: Candidates) -> NDArray[np.bool_]:
        seen, state = query.user.history_post, query.state
        if state.seen_posts:
            lately = np.frombuffer(state.seen_times, "<u4") >= query.now_ms // 1000 - _DAY_S
            seen = np.append(seen, self._catalogue.posts.post_rows(np.frombuffer(state.seen_posts, "<i8")[lately]))
        return np.isin(candidates.rows, seen, invert=True)
