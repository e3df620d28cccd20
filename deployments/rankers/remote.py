"""The ranker in another process, as a feed server sees it."""

import asyncio
import time
from collections.abc import Awaitable, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from cluster.errors import Unreachable
from deployments.channel.group import Group
from deployments.corrections.corrected import CorrectedRanker
from deployments.pipeline.candidates import Candidates
from deployments.pipeline.components import MissingInput, RemoteScorer
from deployments.pipeline.query import Query
from deployments.rankers.messages import RankQuestion, encode
from deployments.scorers.rank import Elsewhere
from kernels.columns import F32, I64
from training.models.ranker import RankRequest

#: How long explanations wait, for which nobody has a deadline.
PATIENT_S: Final = 5.0


class RemoteRanker:
    """The ranker of one release. As a `Ranker` it is for threads other than that of the event loop."""

    def __init__(self, group: Group, release: str, heads: tuple[str, ...]) -> None:
        self.heads = heads
        self._group = group
        self._release = release
        self._loop: asyncio.AbstractEventLoop | None = None

    async def holds(self, timeout_s: float) -> None:
        """Raises Unreachable, or TimeoutError, unless all replicas hold the release."""
        nothing = RankQuestion.of(self._release, timeout_s, -1, np.zeros(0, np.int64), np.zeros(0, np.float32))
        await self._group.ask_all(encode(nothing), timeout_s)

    async def predicted(self, user_row: int, post_rows: I64, x: F32, timeout_s: float) -> F32:
        """As `Ranker.predict`. Raises Unreachable where there is no answer in time."""
        self._loop = asyncio.get_running_loop()
        question = encode(RankQuestion.of(self._release, timeout_s, user_row, post_rows, x))
        answer = await self._group.ask(question, timeout_s)
        return np.frombuffer(answer, np.float32).reshape(len(post_rows), len(self.heads)).copy()

    def predict(self, user_row: int, post_rows: I64, x: F32) -> F32:
        """As `Ranker.predict`. Raises Unreachable."""
        return self.predict_many((RankRequest(user_row, post_rows, x),))[0]

    def predict_many(self, requests: Sequence[RankRequest]) -> list[F32]:
        """As `Ranker.predict_many`. Raises Unreachable."""
        if self._loop is None:
            raise Unreachable("no ranker has been asked so far")

        async def ask_all() -> list[F32]:
            return await asyncio.gather(*(self.predicted(*request, PATIENT_S) for request in requests))

        return asyncio.run_coroutine_threadsafe(ask_all(), self._loop).result()


class RemoteRank(RemoteScorer):
    """What `Rank` is in this process. Corrections are applied here."""

    name = "ranker"

    def __init__(self, remote: Elsewhere, corrected: CorrectedRanker, patience: float) -> None:
        """`patience`: share of the time left that is waited."""
        self._remote = remote
        self._corrected = corrected
        self._patience = patience

    def ask(self, query: Query, candidates: Candidates) -> Awaitable[Candidates]:
        if candidates.x is None:
            raise MissingInput("features")
        rows = candidates.rows.astype(np.int64)
        timeout_s = self._patience * (query.deadline - time.monotonic())
        return self._score(candidates, rows, self._remote.predicted(query.user_row, rows, candidates.x, timeout_s))

    async def _score(self, candidates: Candidates, rows: I64, asking: Awaitable[F32]) -> Candidates:
        return replace(candidates, heads=self._corrected.corrected(rows, await asking))
