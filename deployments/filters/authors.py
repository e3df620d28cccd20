"""Posts of authors whom the user does not want to see, or who do not want to be seen, or are known already."""

import numpy as np
from numpy.typing import NDArray

from deployments.catalogue.catalogue import Catalogue
from deployments.filters.membership import not_among
from deployments.pipeline.candidates import Candidates
from deployments.pipeline.components import Filter, SoftFilter
from deployments.pipeline.query import Query


def _not_by(ids: bytes, catalogue: Catalogue, candidates: Candidates) -> NDArray[np.bool_]:
    """Mask of the candidates whose author is none of `ids`, packed int64."""
    posts = catalogue.posts
    authors = posts.author_rows(np.frombuffer(ids, "<i8"))
    return not_among(posts.columns.author[candidates.rows], authors)


class Blocked(Filter):
    """One of the two has blocked the other."""

    name = "blocked"
    reason = "its author is blocked by the user, or blocks the user"

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def enabled(self, query: Query) -> bool:
        return bool(query.state.blocked_ids or query.state.blocked_by_ids)

    def keep(self, query: Query, candidates: Candidates) -> NDArray[np.bool_]:
        return _not_by(query.state.blocked_ids + query.state.blocked_by_ids, self._catalogue, candidates)


class Muted(Filter):
    """One of the two has muted the other."""

    name = "muted"
    reason = "its author is muted by the user, or mutes the user"

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def enabled(self, query: Query) -> bool:
        return bool(query.state.muted_ids or query.state.muted_by_ids)

    def keep(self, query: Query, candidates: Candidates) -> NDArray[np.bool_]:
        return _not_by(query.state.muted_ids + query.state.muted_by_ids, self._catalogue, candidates)


class Followed(SoftFilter):
    """Who is followed is no discovery; who follows everybody still gets a feed."""

    name = "followed"
    reason = "the user follows its author, and this surface is for others"

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def wanted(self, query: Query) -> int:
        return 1

    def enabled(self, query: Query) -> bool:
        return len(query.user.follow_author) > 0

    def keep(self, query: Query, candidates: Candidates) -> NDArray[np.bool_]:
        authors = self._catalogue.posts.columns.author[candidates.rows]
        return not_among(authors, query.user.follow_author)
