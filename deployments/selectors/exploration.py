"""The exploration slot: one post that few have seen, drawn among those that a user may see, at its place."""

from dataclasses import replace
from typing import ClassVar

import numpy as np

from cluster.rules import Rules
from cluster.settings import Bandit
from cluster.wire import Choice
from deployments.catalogue.catalogue import Catalogue
from deployments.pipeline.candidates import Candidates
from deployments.pipeline.components import Selector, Stage
from deployments.pipeline.query import Explored, Query
from deployments.selectors.rerank import Rerank
from kernels.bandit import choose


class Explore(Selector):
    """Draws the post of the slot; comes after the filters. Candidates stay as they are."""

    name = "explore"
    stage: ClassVar[Stage] = "candidates"
    required = False

    def __init__(self, catalogue: Catalogue, slot: int) -> None:
        self._catalogue = catalogue
        self._slot = slot
        self._rng = np.random.default_rng()

    def enabled(self, query: Query) -> bool:
        return query.pool is not None and query.request.limit > self._slot

    def select(self, query: Query, candidates: Candidates) -> Candidates:
        assert query.pool is not None
        left = np.where(np.isin(query.pool.rows, candidates.rows), query.pool.chances, 0.0)
        [at] = choose(left[None, :], self._rng.random(1)).tolist() if len(left) else [-1]
        if at >= 0:
            row, chance = int(query.pool.rows[at]), float(left[at] / left.sum())
            post_id = int(self._catalogue.posts.post_ids[row])
            query.explored = Explored(row, post_id, chance)
            query.choices["exploration"] = Choice(str(post_id), round(chance, 6))
        return candidates


def keep_explored(query: Query, candidates: Candidates, chosen: Candidates) -> Candidates:
    """`chosen` of `candidates`; the explored post goes on behind them if it is not among them."""
    if query.explored is None or query.explored.row in chosen.rows:
        return chosen
    return chosen.then(candidates.take(candidates.rows == query.explored.row))


class ExploringRerank(Rerank):
    """Re-ranks, and moves the explored post up to its slot if it stands below. Nothing else changes its order."""

    def __init__(self, catalogue: Catalogue, rules: Rules, settings: Bandit) -> None:
        super().__init__(catalogue, rules)
        self._slot = settings.slot

    def select(self, query: Query, candidates: Candidates) -> Candidates:
        feed = super().select(query, candidates)
        reranked, explored = query.reranked, query.explored
        if reranked is None or explored is None or explored.row in feed.rows[: self._slot + 1]:
            return feed
        [at] = np.flatnonzero(candidates.rows == explored.row).tolist() or [-1]
        if at < 0:  # a later filter has removed it
            query.explored = None
            del query.choices["exploration"]
            return feed
        others = reranked.order != at
        slot = min(self._slot, int(others.sum()))
        order = np.insert(reranked.order[others], slot, at)[: query.request.limit]
        scores = np.insert(reranked.scores[others], slot, candidates.score[at])[: query.request.limit]
        return replace(candidates.take(order), score=scores)
