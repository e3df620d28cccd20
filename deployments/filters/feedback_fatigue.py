"""Posts of authors of whom the user asked to see fewer: hid, or reported, a post of theirs."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from cluster.user_state import FEWER
from deployments.catalogue.catalogue import Catalogue
from deployments.filters.membership import not_among
from deployments.pipeline.candidates import Candidates
from deployments.pipeline.components import SoftFilter
from deployments.pipeline.query import Query

#: A request to see fewer weighs 1 at first, and nothing after these days, less by the same share each day.
DAYS: Final = 140
_DAY_S: Final = 86_400


class FeedbackFatigue(SoftFilter):
    """An author's requests together may weigh as much as `weight`.

    With .9, one of them keeps an author away for 14 days, two for 77.
    """

    name = "feedback_fatigue"
    reason = "the user has asked to see fewer posts of its author"

    def __init__(self, catalogue: Catalogue, weight: float) -> None:
        self._catalogue = catalogue
        self._weight = weight

    def enabled(self, query: Query) -> bool:
        return bool(query.state.fewer)

    def keep(self, query: Query, candidates: Candidates) -> NDArray[np.bool_]:
        fewer = np.frombuffer(query.state.fewer, FEWER)
        days = (query.now_ms / 1000 - fewer["time_s"]) / _DAY_S
        ids, at = np.unique(fewer["author_id"], return_inverse=True)
        weights = np.bincount(at, np.clip(1 - days / DAYS, 0, 1))
        posts = self._catalogue.posts
        authors = posts.author_rows(ids[weights > self._weight])
        return not_among(posts.columns.author[candidates.rows], authors)
