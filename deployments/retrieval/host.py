"""What a shard answers, without Ray: searches in the releases that it holds."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from cluster.catalogue_log import CatalogueLog
from cluster.live_release import LiveFile
from cluster.release import Releases
from cluster.settings import Settings
from cluster.store.coalescer import Coalescer
from cluster.store.urls import StoreUrls
from deployments.catalogue.follower import Follower
from deployments.channel.frames import Kind
from deployments.channel.server import NotAnswered
from deployments.releases.holder import ReleaseHolder
from deployments.retrieval.messages import SearchAnswer, SearchQuestion, decode_question, encode
from deployments.retrieval.nearby import Nearby
from deployments.retrieval.part import Part
from deployments.retrieval.shard import PartOfRelease, Shard

#: How long it waits for the event store before it serves what the release knows.
PATIENCE_S: Final = 10.0
#: Searches before it is ready, and neighbours that each looks for.
SEARCHES: Final = 8
NEAREST: Final = 300
#: Questions that a GPU answers together.
TOGETHER: Final = 64


@dataclass(frozen=True, slots=True)
class LiveShard:
    """A shard of one release, and what keeps it up to date."""

    shard: Shard
    log: CatalogueLog
    follower: Follower
    #: Where a GPU searches: what came while it did is its next batch. A processor takes as long for all as for each, so
    #: there they would only wait for each other; None then.
    together: Coalescer[SearchQuestion, list[Nearby]] | None

    @classmethod
    def load(cls, name: str, part: Part, settings: Settings, urls: StoreUrls) -> Self:
        """Raises CascadeError when the release is damaged or not there."""
        release = PartOfRelease.load(Releases(settings.releases).get(name), part)
        shard, log = Shard(release, part, settings.catalogue), CatalogueLog(urls.events, settings.events)
        on_gpu = settings.catalogue.index_device == "cuda"
        return cls(shard, log, Follower(shard, log), together(shard) if on_gpu else None)

    async def start(self) -> None:
        """Catch up with the catalogue log, and follow it. Without the store it serves what the release knows."""
        await self.follower.catch_up(PATIENCE_S)
        for vector in self.shard.user_tower.history_vectors[:SEARCHES]:
            self.shard.nearest(vector[None], [NEAREST])
        self.follower.start()

    async def nearest(self, asked: SearchQuestion) -> list[Nearby]:
        """What is nearest to each of its vectors."""
        if self.together is None:
            return self.shard.nearest(asked.matrix(), asked.wanted)
        return await self.together.submit(asked)

    async def close(self) -> None:
        await self.follower.close()
        await self.log.close()
        if self.together is not None:
            await self.together.close()


def together(shard: Shard) -> Coalescer[SearchQuestion, list[Nearby]]:
    """Questions of one release that are answered by one search."""

    async def search(asked: Sequence[SearchQuestion]) -> list[list[Nearby]]:
        wanted = [k for question in asked for k in question.wanted]
        vectors = [question.matrix() for question in asked if question.wanted]
        found = iter(shard.nearest(np.concatenate(vectors), wanted) if vectors else ())
        return [[next(found) for _ in question.wanted] for question in asked]

    return Coalescer(search, TOGETHER)


class ShardHost:
    """Answers from the release that a question names."""

    def __init__(self, part: Part, settings: Settings, urls: StoreUrls) -> None:
        self._live = LiveFile(settings.releases)
        self._releases: ReleaseHolder[LiveShard] = ReleaseHolder(
            lambda name: LiveShard.load(name, part, settings, urls), urls.state, settings.store
        )

    async def start(self) -> None:
        """Load what is live. Raises CascadeError when there is nothing, or it is damaged."""
        await self._releases.start(self._live.need().answering)

    async def close(self) -> None:
        await self._releases.close()

    async def answer(self, question: bytes) -> bytes:
        """Raises NotAnswered for a release that is not held."""
        asked = decode_question(question)
        held = self._releases.get(asked.release)
        if held is None:
            raise NotAnswered(Kind.ELSEWHERE)
        return encode(SearchAnswer.of(await held.nearest(asked)))
