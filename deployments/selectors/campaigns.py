"""Campaigns: what a campaign of the settings means for a request and its candidates."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cluster.rules import Campaign
from cluster.segments import segment_of
from deployments.catalogue.catalogue import Catalogue
from deployments.pipeline.query import Query
from kernels.columns import F32, I32


class Campaigns:
    """All campaigns of the settings, in the codes of one release."""

    def __init__(self, catalogue: Catalogue, campaigns: Sequence[Campaign]) -> None:
        self._campaigns = [_Coded(catalogue, campaign) for campaign in campaigns]

    def factors(self, query: Query, rows: I32) -> F32:
        """What the scores of posts are multiplied by: float32[rows]. Of several campaigns the greatest boost counts."""
        factors = np.ones(len(rows), np.float32)
        for campaign in self._campaigns:
            if campaign.reaches(query):
                factors = np.where(campaign.holds(rows), np.maximum(factors, campaign.factor), factors)
        return factors


class _Coded:
    def __init__(self, catalogue: Catalogue, campaign: Campaign) -> None:
        self.factor = np.float32(1 + campaign.boost)
        self._catalogue = catalogue
        self._from_ms = campaign.starts.timestamp() * 1000
        self._until_ms = campaign.ends.timestamp() * 1000
        self._regions, self._segments = frozenset(campaign.regions), frozenset(campaign.segments)
        self._authors = np.array(campaign.authors, np.int64)
        # Post column -> the values that it may have; a column that the campaign does not name is not asked.
        self._columns: dict[str, NDArray[Any]] = {}
        for name, values in (("topic", campaign.topics), ("kind", campaign.kinds)):
            if values:
                self._columns[name] = catalogue.codes.of(name, values)

    def reaches(self, query: Query) -> bool:
        """Whether the request is within the window and its user one of those it is for."""
        if not self._from_ms <= query.now_ms < self._until_ms:
            return False
        if self._regions and query.region not in self._regions:
            return False
        return not self._segments or segment_of(len(query.user.history_post)) in self._segments

    def holds(self, rows: I32) -> NDArray[np.bool_]:
        """Which posts gain: those that are as the campaign says in all that it says."""
        posts = self._catalogue.posts
        columns = posts.columns
        holding = np.ones(len(rows), np.bool_)
        for name, values in self._columns.items():
            holding &= np.isin(getattr(columns, name)[rows], values)
        if len(self._authors):
            holding &= np.isin(posts.author_ids[columns.author[rows]], self._authors)
        return holding
