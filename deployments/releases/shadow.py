"""A release on trial in the shadow: it answers a share of the requests too, after and beside the answers that count."""

import asyncio
import logging
import random
import time
from collections import deque
from typing import Final

import numpy as np

from cluster.ending import end
from cluster.live_release import Trial
from cluster.store.release_board import ShadowStatus
from cluster.wire import FeedRequest, FeedResponse
from deployments.releases.bundle import Bundle

logger = logging.getLogger(__name__)

#: Requests that may wait; what comes beyond that is passed over.
WAITING: Final = 16
#: Posts at the head of two feeds that are compared, and comparisons that the figures are of.
HEAD: Final = 10
KEPT: Final = 2000


class Shadow:
    """Answers are compared one at a time, so that feeds that count wait for one of these at most."""

    def __init__(self, trial: Trial, bundle: Bundle) -> None:
        self.trial = trial
        self.bundle = bundle
        self._waiting: asyncio.Queue[tuple[FeedRequest, FeedResponse]] = asyncio.Queue(WAITING)
        self._compared: deque[tuple[float, float, float]] = deque(maxlen=KEPT)  # agreement, ms live, ms on trial
        self._counts = {"compared": 0, "failed": 0, "passed_over": 0}
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin on the running event loop."""
        self._task = asyncio.create_task(self._compare_forever())

    async def close(self) -> None:
        if self._task is not None:
            await end(self._task)

    def offer(self, request: FeedRequest, answer: FeedResponse) -> None:
        """A request and its answer, which may be of the share; returns at once."""
        if random.random() * 100 < self.trial.percent:
            try:
                self._waiting.put_nowait((request, answer))
            except asyncio.QueueFull:
                self._counts["passed_over"] += 1

    def status(self) -> ShadowStatus:
        """Counts since the trial began, and figures of the last comparisons."""
        agreement, live, trial = np.array(self._compared or [(0.0, 0.0, 0.0)]).T
        return ShadowStatus(
            **self._counts,
            agreement=round(float(agreement.mean()), 4),
            live_ms=round(float(np.median(live)), 3),
            trial_ms=round(float(np.median(trial)), 3),
            trial_p99_ms=round(float(np.percentile(trial, 99)), 3),
        )

    async def _compare_forever(self) -> None:
        while True:
            request, answer = await self._waiting.get()
            try:
                mine = await self.bundle.feeds.answer(request, time.perf_counter())
                self._compared.append(_compared(answer, mine))
                self._counts["compared"] += 1
            except Exception:
                self._counts["failed"] += 1
                logger.exception("release %s failed in the shadow", self.bundle.name)


def _compared(live: FeedResponse, trial: FeedResponse) -> tuple[float, float, float]:
    """Share of the first posts that both have, and the time of each."""
    a, b = ({item.post_id for item in feed.items[:HEAD]} for feed in (live, trial))
    return len(a & b) / max(len(a), len(b), 1), live.timings_ms["total"], trial.timings_ms["total"]
