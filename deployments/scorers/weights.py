"""The weights of the utility, for each request those that are for its surface, its user's segment and their arms."""

from typing import NamedTuple

from cluster.ranking_rules import utility_weights
from cluster.rules import AD_VALUE, Rules
from cluster.segments import segment_of
from cluster.vocabulary import Surface
from deployments.pipeline.query import Query
from kernels.columns import F32


class Weighed(NamedTuple):
    heads: F32  # [H] of the predictions
    ad_value: float


class Weights:
    """Belongs to one surface and the heads of one ranker."""

    def __init__(self, surface: Surface, heads: tuple[str, ...], rules: Rules) -> None:
        self._heads = heads
        self._all = rules.weights
        self._rows = [row for row in rules.weights_for if not row.surfaces or surface in row.surfaces]
        self._made: dict[tuple[int, ...], Weighed] = {}  # by the rows that count

    def of(self, query: Query) -> Weighed:
        """The weights of a request; of several rows that name a head the last one counts."""
        segment = segment_of(len(query.user.history_post))
        counting = tuple(r for r, row in enumerate(self._rows) if row.is_for(segment, query.arms))
        if counting not in self._made:
            weights = dict(self._all)
            for r in counting:
                weights |= self._rows[r].weights
            self._made[counting] = Weighed(utility_weights(weights, self._heads), weights.get(AD_VALUE, 0.0))
        return self._made[counting]
