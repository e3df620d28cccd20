"""The kinds of components. Each has a name, a stage, `enabled` and one verb; the executor does everything else.

A component that is not `required` may fail, or be skipped when the deadline has passed: the feed is then answered
without it and names it in `degraded`.
"""

from abc import ABC, abstractmethod
from collections.abc import Awaitable
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from deployments.pipeline.candidates import Candidates
from deployments.pipeline.query import Query
from kernels.columns import I32


class MissingInput(Exception):
    """A component cannot run, because one that should have come before it did not."""


Stage = Literal["state", "candidates", "features", "scoring", "rules", "side_effects"]


class Component(ABC):
    """What all kinds share."""

    name: ClassVar[str]
    stage: ClassVar[Stage]
    required: ClassVar[bool] = False
    budget: ClassVar[float] = 1.0  # share of the request's time by which it must have begun, to be begun at all

    def enabled(self, query: Query) -> bool:
        """Whether this component has a part in `query`; a disabled one is not a degradation."""
        return True


class QueryHydrator(Component):
    """Adds to the query what a store knows; waits for I/O before the feed has its turn."""

    stage: ClassVar[Stage] = "state"

    @abstractmethod
    async def hydrate(self, query: Query) -> None: ...


class Source(Component):
    """Brings candidates."""

    stage: ClassVar[Stage] = "candidates"
    budget: ClassVar[float] = 0.5  # what sources bring is worth little if nobody ranks it
    reserves: ClassVar[bool] = False  # whether what it brings has places of its own

    @abstractmethod
    def fetch(self, query: Query) -> I32:
        """Post rows, best first; negative rows are skipped."""

    def missed(self, query: Query) -> float:
        """Share of what it looks through that could not be reached."""
        return 0.0


class Retrieval(Component):
    """Has other processes find, before the sources are asked, what these then bring."""

    stage: ClassVar[Stage] = "candidates"
    budget: ClassVar[float] = 0.5

    @abstractmethod
    def ask(self, query: Query) -> Awaitable[int]:
        """Ask them all at once, and wait for what comes in time: how many posts, which are left in the query."""


class Filter(Component):
    """Removes candidates, and is the reason why they are gone."""

    stage: ClassVar[Stage] = "candidates"
    required: ClassVar[bool] = True
    reason: ClassVar[str]  # what is true of posts that it removes, for explanations

    @abstractmethod
    def keep(self, query: Query, candidates: Candidates) -> NDArray[np.bool_]:
        """Mask [C] of the candidates that stay."""


class SoftFilter(Filter):
    """A filter that gives way rather than leave too few."""

    def wanted(self, query: Query) -> int:
        """How many candidates must be left: with fewer, what it removed comes back, until there are enough for a feed.

        Those that would only spoil a feed ask for a whole one; those that nobody must notice the lack of, for one post.
        """
        return query.request.limit


class Hydrator(Component):
    """Adds columns to the candidates."""

    stage: ClassVar[Stage] = "features"

    @abstractmethod
    def hydrate(self, query: Query, candidates: Candidates) -> Candidates: ...


class Scorer(Component):
    """Gives the candidates a better score. Where one fails, the score before it stands."""

    stage: ClassVar[Stage] = "scoring"

    @abstractmethod
    def score(self, query: Query, candidates: Candidates) -> Candidates: ...


class RemoteScorer(Component):
    """A scorer in another process. While a feed waits for it, it is the turn of others."""

    stage: ClassVar[Stage] = "scoring"

    @abstractmethod
    def ask(self, query: Query, candidates: Candidates) -> Awaitable[Candidates]:
        """As `Scorer.score`, in the time that is left."""


class Selector(Component):
    """Chooses and orders candidates; never creates any."""

    stage: ClassVar[Stage] = "rules"
    required: ClassVar[bool] = True
    reason: ClassVar[str] = "others were chosen"  # what is true of posts that it leaves out, for explanations

    @abstractmethod
    def select(self, query: Query, candidates: Candidates) -> Candidates: ...
