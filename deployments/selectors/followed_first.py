"""Posts of followed authors before all others."""

from dataclasses import replace
from typing import ClassVar

import numpy as np

from deployments.catalogue.catalogue import Catalogue
from deployments.pipeline.candidates import Candidates
from deployments.pipeline.components import Selector, Stage
from deployments.pipeline.query import Query


class FollowedFirst(Selector):
    """The follow graph goes first where candidates are cut, and where nothing better orders them."""

    name = "followed_first"
    stage: ClassVar[Stage] = "candidates"

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def enabled(self, query: Query) -> bool:
        return len(query.user.follow_author) > 0

    def select(self, query: Query, candidates: Candidates) -> Candidates:
        authors = self._catalogue.posts.columns.author[candidates.rows]
        order = np.argsort(np.isin(authors, query.user.follow_author, invert=True), kind="stable")
        return replace(candidates.take(order), score=candidates.score)  # which is that of each position
