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


class Found(NamedTuple):
    """What shards of the index have found."""

    rows: dict[str, I32]  # by source, the nearest first
    missed: float  # share of the posts whose shards did not answer


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
    allowed_s: float  # up to that, for the work: from the request's arrival on, without long waits for others
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
    quality: float = 1.0  # share of the candidates that are taken at each step; below 1 while the server is busy
    favoured: Favoured | None = None
    found: Found | None = None  # None: where indexes are elsewhere, they have not been asked
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
        before = min(brought, len(self.served) + len(self.shown))  # those that were shown do not count
        taken = brought - before
        if self.favoured is not None and self.favoured.source != source and source in self.favoured.arms:
            taken = round(taken * (1 - self.favoured.given_up))
        return before + min(taken, self.cut(taken))

    def cut(self, quota: int) -> int:
        """How many candidates go on where `quota` may: enough for a whole page in any case."""
        return max(round(quota * self.quality), self.request.limit)

    @property
    def told_quality(self) -> float | None:
        """What the answer says of it; None where nothing was spared."""
        return None if self.quality == 1 else round(self.quality, 3)

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
