"""The ranker: what the user would do with each candidate."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol, runtime_checkable

import numpy as np

from deployments.pipeline.candidates import Candidates
from deployments.pipeline.components import MissingInput, Scorer
from deployments.pipeline.query import Query
from kernels.columns import F32, I64
from training.models.ranker import RankRequest


class Ranker(Protocol):
    """A multi-task model, in this process or elsewhere."""

    heads: tuple[str, ...]

    def predict(self, user_row: int, post_rows: I64, x: F32) -> F32:
        """Calibrated predictions [C, H]: a probability per action, expected seconds for watch_time."""
        ...

    def predict_many(self, requests: Sequence[RankRequest]) -> list[F32]:
        """The same of several requests at once, [C, H] each."""
        ...


@runtime_checkable
class Elsewhere(Protocol):
    """A ranker that other processes compute, and that a feed can wait for while it is the turn of others."""

    async def predicted(self, user_row: int, post_rows: I64, x: F32, timeout_s: float) -> F32:
        """As `Ranker.predict`; the caller may write to it. Raises Unreachable where there is no answer in time."""
        ...


class Rank(Scorer):
    name = "ranker"

    def __init__(self, ranker: Ranker) -> None:
        self._ranker = ranker

    def score(self, query: Query, candidates: Candidates) -> Candidates:
        if candidates.x is None:
            raise MissingInput("features")
        rows = candidates.rows.astype(np.int64)
        return replace(candidates, heads=self._ranker.predict(query.user_row, rows, candidates.x))
