"""Which source a request favours: drawn from chances that follow from what was learned."""

from typing import Final

import numpy as np

from cluster.learning import Bandit
from deployments.pipeline.query import Query
from kernels.arms import F64, estimate
from kernels.bandit import Bools, choose, thompson_chances, ucb_chances
from training.online.sources import LearnedSources

#: The sources that may be favoured; a surface need not have all of them.
SOURCES: Final = ("session", "long_term", "following", "similar_creators", "popular", "trending", "fresh")
#: What is known of a request: always one, on Explore, how many they follow, nobody, how long their history is, short.
DIMS: Final = 6
NEWCOMER: Final = 10


class SourceBandit:
    """Belongs to one event loop; one for all pipelines of a release."""

    def __init__(self, sources: tuple[str, ...], settings: Bandit) -> None:
        self.sources = sources
        self._settings = settings
        self._rng = np.random.default_rng()
        self._learned = LearnedSources.nothing(sources, DIMS)

    def take(self, learned: LearnedSources | None) -> bool:
        """Choose by `learned` from now on. What is of other sources or contexts is refused: False."""
        if learned is not None and (learned.names != self.sources or learned.dims != DIMS):
            return False
        self._learned = learned or LearnedSources.nothing(self.sources, DIMS)
        return True

    def choose(self, x: F64, allowed: Bools) -> tuple[int, F64]:
        """A source for context x[D], -1 where none is allowed [A], and the chance [A] of each."""
        chances = self._chances(x[None, :], allowed[None, :])
        return int(choose(chances, self._rng.random(1))[0]), chances[0]

    def _chances(self, x: F64, allowed: Bools) -> F64:
        how = self._settings
        mean, width = estimate(self._learned.arms, x)
        if how.policy == "thompson":
            return thompson_chances(mean, width, allowed, how.spread, how.floor)
        return ucb_chances(mean, width, allowed, how.alpha if how.policy == "linucb" else 0.0, how.floor)


def context_of(query: Query) -> F64:
    """float64[DIMS], each about 0 to 1."""
    follows, history = len(query.user.follow_author), len(query.user.history_post)
    return np.array(
        [
            1.0,
            query.request.surface == "explore",
            np.log1p(follows) / 5,
            follows == 0,
            np.log1p(history) / 5,
            history < NEWCOMER,
        ],
        np.float64,
    )
