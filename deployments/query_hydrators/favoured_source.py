"""The source that a request favours; the others give up most of their candidates."""

from collections.abc import Sequence

import numpy as np

from cluster.wire import Choice
from deployments.bandit.source_bandit import SourceBandit, context_of
from deployments.pipeline.components import QueryHydrator, Source
from deployments.pipeline.query import Favoured, Query


class FavouredSource(QueryHydrator):
    """Comes after the user's state, which it chooses by."""

    name = "favoured_source"

    def __init__(self, bandit: SourceBandit, sources: Sequence[Source], given_up: float) -> None:
        """`sources`: those of the pipeline; of these the bandit's own may be favoured."""
        self._bandit = bandit
        self._sources = {source.name: source for source in sources}
        self._given_up = given_up

    async def hydrate(self, query: Query) -> None:
        asked = {name for name, source in self._sources.items() if source.enabled(query)}
        allowed = np.array([name in asked for name in self._bandit.sources])
        x = context_of(query)
        arm, chances = self._bandit.choose(x, allowed)
        if arm >= 0:
            name = self._bandit.sources[arm]
            query.favoured = Favoured(name, self._given_up, self._bandit.sources, arm, x, chances)
            query.choices["source"] = Choice(name, round(float(chances[arm]), 6))
