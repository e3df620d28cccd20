"""A request on its way through the pipeline, with what is known of its user."""

import time
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from cluster.user_state import UserState
from cluster.wire import Choice, FeedRequest
from kernels.arms import F64
from kernels.columns import F32, I32, U32, ContextColumns, UserColumns
from kernels.rerank import Reranked


class Favoured(NamedTuple):
    """The source that a bandit favours; the others give up a share of their candidates. A arms, D numbers."""

    source: str
    given_up: float
    arms: tuple[str, ...]
    arm: int
    x: F64  # [D] the context it was chosen by
    chances: F64  # [A]


class Pool(NamedTuple):
    """Posts that may be explored."""

    rows: I32  # [P]
    chances: F64  # [P]


class Explored(NamedTuple):
    """The post of the exploration slot."""

    row: int
    post_id: int
    chance: float


@dataclass(slots=True)
class Query:
    """One request. Query hydrators fill `state` and what follows from it; components read the rest."""

    request: FeedRequest
    request_id: str
    now_ms: int  # feed time
    deadline: float  # time.monotonic() at which the answer is due
    allowed_s: float  # from the request's arrival to that
    context: ContextColumns  # R = 1
    state: UserState
    user: UserColumns  # U = 1
    user_row: int = -1  # row among the release's users; -1 = not one of them
    arms: dict[str, str] = field(default_factory=dict)  # of experiments
    known: bool = False  # the store has a state of this user
    degraded: list[str] = field(default_factory=list)
    reranked: Reranked | None = None  # the order by the rules, and why, of the candidates that were re-ranked
    weights: F32 | None = None  # what utility weighed each head by; None where it did not
    served: U32 = field(default_factory=lambda: np.zeros(0, np.uint32))  # `cluster.cursor.marks` of pages before
    shown: U32 = field(default_factory=lambda: np.zeros(0, np.uint32))  # the same of feeds of a moment ago
    relaxed: list[str] = field(default_factory=list)  # soft filters that gave way
    favoured: Favoured | None = None
    pool: Pool | None = None
    explored: Explored | None = None
    choices: dict[str, Choice] = field(default_factory=dict)  # what bandits chose

    @property
    def has_history(self) -> bool:
        return len(self.user.history_post) > 0

    @property
    def cold_start(self) -> bool:
        """Whether there is nothing to go by: no history, and not for want of the store."""
        return not self.has_history and "store" not in self.degraded

    def reach(self, quota: int) -> int:
        """How many posts a source must bring so that its quota is left without those that were shown."""
        return quota + len(self.served) + len(self.shown)

    def allotted(self, source: str, brought: int) -> int:
        """How many of the candidates that a source brought are taken."""
        if self.favoured is None or self.favoured.source == source or source not in self.favoured.arms:
            return brought
        before = min(brought, len(self.served) + len(self.shown))  # those that were shown do not count
        return before + round((brought - before) * (1 - self.favoured.given_up))

    @property
    def region(self) -> str:
        """Where the user is; "" = not known."""
        return self.request.context.region or self.state.region

    def is_late(self, share: float) -> bool:
        """Whether more than a share of the time until the deadline has passed."""
        return time.monotonic() >= self.deadline - (1 - share) * self.allowed_s

    def hours_since_history(self) -> np.ndarray:
        """float32[H] hours from each event of the history to now."""
        return ((self.now_ms - self.user.history_time_ms) / 3_600_000).astype(np.float32)
