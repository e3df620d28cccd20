"""What an ad is worth: bid times expected engagements times quality, as auctions of feeds have it.

Varian, Position auctions (2007); quality as in what ad platforms publish: people's dislike makes an ad dearer.
"""

from dataclasses import replace
from typing import Final

import numpy as np

from cluster.ads import Ads
from deployments.catalogue.catalogue import Catalogue
from deployments.pipeline.candidates import Candidates
from deployments.pipeline.components import MissingInput, Scorer
from deployments.pipeline.query import Query
from deployments.scorers.weights import Weights
from kernels.columns import F32, I32

_DISLIKES: Final = ("hide", "report")


class AdValue(Scorer):
    """Gives ads the score of their value; all other posts keep theirs."""

    name = "ad_value"

    def __init__(self, catalogue: Catalogue, heads: tuple[str, ...], settings: Ads, weights: Weights) -> None:
        self._catalogue = catalogue
        self._engagements = [h for h, head in enumerate(heads) if head in settings.engagements]
        self._dislikes = [h for h, head in enumerate(heads) if head in _DISLIKES]
        self._annoyance = settings.annoyance
        self._weights = weights

    def enabled(self, query: Query) -> bool:
        return len(self._catalogue.ads.rows) > 0

    def score(self, query: Query, candidates: Candidates) -> Candidates:
        if candidates.heads is None:
            raise MissingInput("ranker")
        ads = self._catalogue.ads.among(candidates.rows)
        score = candidates.score.copy()
        score[ads] = self._weights.of(query).ad_value * self._value(candidates.rows[ads], candidates.heads[ads])
        return replace(candidates, score=score)

    def _value(self, rows: I32, heads: F32) -> F32:
        """float32[A], 0 for ads that people would rather not see. A prediction that is not a number counts as 0."""
        heads = np.nan_to_num(heads)
        engagements = heads[:, self._engagements].sum(axis=1)
        quality = np.maximum(0, 1 - self._annoyance * heads[:, self._dislikes].sum(axis=1))
        value: F32 = self._catalogue.ads.bids[rows] * engagements * quality
        return value
