"""The shards and rankers that a feed server asks."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from deployments.channel.group import Group
from deployments.rankers.remote import RemoteRanker
from deployments.retrieval.retriever import ShardedRetriever

#: How long one of them may take to say whether it holds a release, in seconds.
HOLDS_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Backends:
    """Connections that all releases of a feed server share."""

    shards: Sequence[Group]
    rankers: Group
    patience: float  # share of its time left that a feed waits for either

    def of(self, release: str, heads: tuple[str, ...]) -> "ReleaseBackends":
        """Those of one release."""
        return ReleaseBackends(
            ShardedRetriever(self.shards, release), RemoteRanker(self.rankers, release, heads), self.patience
        )

    async def close(self) -> None:
        for group in (*self.shards, self.rankers):
            await group.close()


@dataclass(frozen=True, slots=True)
class ReleaseBackends:
    """What answers for one release."""

    retriever: ShardedRetriever
    ranker: RemoteRanker
    patience: float

    async def hold(self) -> None:
        """Raises Unreachable, or TimeoutError, unless all that are there hold the release."""
        await self.retriever.holds(HOLDS_S)
        await self.ranker.holds(HOLDS_S)
