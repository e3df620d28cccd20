"""New posts but ads that few have seen yet, each with the chance that Thompson sampling gives it to be tried."""

from typing import Final

import numpy as np

from cluster.learning import Bandit
from deployments.catalogue.catalogue import Catalogue
from deployments.pipeline.components import Source
from deployments.pipeline.query import Pool, Query
from deployments.sources.held import Held
from kernels.actions import COUNT, POSITIVE_COUNTS
from kernels.bandit import BetaRule, beta_chances
from kernels.columns import HOUR_MS, I32
from kernels.decay import MONTH

ROUNDS: Final = 200
#: Newest posts that are looked at for those that few have seen, for each that may be explored.
LOOK: Final = 4
_IMPRESSIONS: Final = COUNT["impression"]
_POSITIVE: Final = list(POSITIVE_COUNTS)


class Exploration(Source):
    name = "exploration"

    def __init__(self, catalogue: Catalogue, settings: Bandit) -> None:
        self._catalogue = catalogue
        self._settings = settings
        self._rng = np.random.default_rng()
        self._pool = Held(self._sampled)  # draws take milliseconds

    def fetch(self, query: Query) -> I32:
        query.pool = self._pool.at(query.now_ms)
        return query.pool.rows

    def _sampled(self, now_ms: int) -> Pool:
        """The pool of a moment, the likeliest post first."""
        how, columns = self._settings, self._catalogue.posts.columns
        newest = self._catalogue.newest(now_ms - how.pool_hours * HOUR_MS, now_ms, LOOK * how.pool)
        newest = newest[~self._catalogue.ads.among(newest)]
        counts = columns.counts[newest, MONTH].astype(np.float64)
        few = np.flatnonzero(counts[:, _IMPRESSIONS] < how.enough)[: how.pool]
        # At least so many liked a post: those of its most frequent positive action.
        good = counts[few][:, _POSITIVE].max(axis=1, initial=0.0)
        rate = float(np.clip(columns.prior[_POSITIVE].max(), 0.01, 0.99))
        rule = BetaRule(rate * how.prior, (1 - rate) * how.prior, how.sharpness, ROUNDS, how.floor)
        chances = beta_chances(good, counts[few, _IMPRESSIONS], rule, self._rng)
        order = np.argsort(-chances, kind="stable")
        return Pool(newest[few][order], chances[order])
