"""Posts of authors whom the user has blocked or muted, or who have blocked the user."""

import numpy as np
from numpy.typing import NDArray

from deployments.catalogue.catalogue import Catalogue
from deployments.pipeline.candidates import Candidates
from deployments.pipeline.components import Filter
from deployments.pipeline.query import Query


def _not_by(ids: bytes, catalogue: Catalogue, candidates: Candidates) -> NDArray[np.bool_]:
    """Mask of the candidates whose author is none of `ids`, packed int64."""
    posts = catalogue.posts
    authors = posts.author_rows(np.frombuffer(ids, "<i8"))
    return np.isin(posts.columns.author[candidates.rows], authors, invert=True)


class Blocked(Filter):
    name = "blocked"

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def enabled(self, query: Query) -> bool:
        return bool(query.state.blocked_ids or query.state.blocked_by_ids)

    def keep(self, query: Query, candidates: Candidates) -> NDArray[np.bool_]:
        return _not_by(query.state.blocked_ids + query.state.blocked_by_ids, self._catalogue, candidates)


class Muted(Filter):
    name = "muted"

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def enabled(self, query: Query) -> bool:
        return bool(query.state.muted_ids)

    def keep(self, query: Query, candidates: Candidates) -> NDArray[np.bool_]:
        return _not_by(query.state.muted_ids, self._catalogue, candidates)
