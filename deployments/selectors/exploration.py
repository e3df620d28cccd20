"""The exploration slot: one post that few have seen, drawn among those that a user may see, at its place."""

from dataclasses import replace
from typing import ClassVar

import numpy as np

from cluster.wire import Choice
from deployments.catalogue.catalogue import Catalogue
from deployments.pipeline.candidates import Candidates
from deployments.pipeline.components import Selector, Stage
from deployments.pipeline.query import Explored, Query
from deployments.selectors.slots import put
from kernels.bandit import choose


class Explore(Selector):
    """Draws the post of the slot, and reserves its place; comes after the filters."""

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
            own = candidates.rows == row
            reserved = own if candidates.reserved is None else own | candidates.reserved
            return replace(candidates, reserved=reserved)
        return candidates


class ExplorationSlot(Selector):
    """Puts the explored post at its slot among the posts that are no ads; comes after the rules."""

    name = "exploration_slot"
    reason = "pushed off the page by the explored post"

    def __init__(self, slot: int) -> None:
        self._slot = slot

    def enabled(self, query: Query) -> bool:
        return query.explored is not None

    def select(self, query: Query, candidates: Candidates) -> Candidates:
        assert query.explored is not None
        own = candidates.rows == query.explored.row
        if not own.any():  # a later filter has removed it
            query.explored = None
            del query.choices["exploration"]
            return candidates
        feed, others = candidates.take(~own).apart()
        slot = min(self._slot, len(feed))
        return put(candidates.take(own), [slot], feed).first(query.request.limit).then(others)
