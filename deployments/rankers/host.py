"""What a ranker answers, without Ray: predictions by the releases that it holds, in batches."""

from collections.abc import Sequence
from itertools import groupby
from typing import Final, NamedTuple

import numpy as np

from cluster.live_release import LiveFile
from cluster.release import Releases
from cluster.settings import Settings
from cluster.store.urls import StoreUrls
from deployments.channel.frames import Kind
from deployments.channel.server import NotAnswered
from deployments.rankers.batcher import Batcher, Expired
from deployments.rankers.loading import load_ranker
from deployments.rankers.messages import decode_question
from deployments.releases.holder import ReleaseHolder
from deployments.scorers.rank import Ranker
from kernels.assembly import WIDTH
from kernels.columns import F32
from training.models.ranker import RankRequest

#: Requests in a batch: beyond that, one more takes as long as one more batch.
MOST: Final = 32
#: Predictions before it is ready, and candidates of each.
FIRST: Final = 4
CANDIDATES: Final = 100


class HeldRanker:
    """The ranker of one release."""

    def __init__(self, name: str, settings: Settings) -> None:
        """Raises CascadeError when the release is damaged or not there, and as `load_ranker`."""
        release = Releases(settings.releases).get(name)
        release.verify()
        self.model = load_ranker(release, settings.ranker)

    async def start(self) -> None:
        """Predict what nobody asks for, so that nobody waits for compilers and page faults."""
        rows, x = np.arange(CANDIDATES), np.zeros((CANDIDATES, WIDTH), np.float32)
        for _ in range(FIRST):
            self.model.predict_many([RankRequest(-1, rows, x)] * 2)

    async def close(self) -> None: ...


class _Asked(NamedTuple):
    model: Ranker
    request: RankRequest


class RankerHost:
    """Answers from the release that a question names."""

    def __init__(self, settings: Settings, urls: StoreUrls) -> None:
        self._live = LiveFile(settings.releases)
        self._releases: ReleaseHolder[HeldRanker] = ReleaseHolder(
            lambda name: HeldRanker(name, settings), urls.state, settings.store
        )
        self._batcher = Batcher(_predicted, MOST)

    async def start(self) -> None:
        """Load what is live. Raises CascadeError when there is nothing, or it is damaged."""
        await self._releases.start(self._live.need().answering)

    async def close(self) -> None:
        await self._batcher.close()
        await self._releases.close()

    async def answer(self, question: bytes) -> bytes:
        """Raises NotAnswered for a release that is not held, and for what comes too late."""
        asked = decode_question(question)
        held = self._releases.get(asked.release)
        if held is None:
            raise NotAnswered(Kind.ELSEWHERE)
        request = RankRequest(asked.user_row, asked.rows(), asked.features())
        if not len(request.post_rows):
            return b""
        try:
            predicted = await self._batcher.ask(_Asked(held.model, request), asked.left_s)
        except Expired:
            raise NotAnswered(Kind.LATE) from None
        return predicted.tobytes()


def _predicted(batch: Sequence[_Asked]) -> list[F32]:
    """Of each; those of one release, one behind the other, in one call."""
    return [
        predicted
        for _, same in groupby(batch, key=lambda asked: id(asked.model))
        for predicted in _of_one_release(list(same))
    ]


def _of_one_release(batch: list[_Asked]) -> list[F32]:
    return batch[0].model.predict_many([asked.request for asked in batch])
