"""The deployments that feed servers ask: what they hold, and a channel to it."""

from typing import Any, Protocol

import ray
from ray import serve

from cluster.settings import Settings
from cluster.store.urls import StoreUrls
from deployments.channel.server import ChannelServer
from deployments.distributed.autoscaling import IN_FLIGHT
from deployments.rankers.host import RankerHost
from deployments.retrieval.host import ShardHost
from deployments.retrieval.part import Part

#: What a replica publishes of itself.
ADDRESS = "address"


class Host(Protocol):
    """What answers, without Ray."""

    async def start(self) -> None: ...
    async def answer(self, question: bytes) -> bytes: ...


class Answering:
    """A replica that is asked over the channel. Ray Serve calls the methods."""

    async def open(self, host: Host, token: bytes) -> None:
        """Have `host` answer whoever has the token."""
        self._host = host
        self._channel = ChannelServer(host.answer, token)
        await host.start()
        self._address = await self._channel.start(ray.util.get_node_ip_address())

    async def take(self, question: bytes) -> bytes:
        """Answer a question that came by a handle: where there is no channel."""
        return await self._host.answer(question)

    async def record_replica_metadata(self) -> dict[str, Any]:
        return {ADDRESS: self._address}

    async def record_autoscaling_stats(self) -> dict[str, float]:
        return {IN_FLIGHT: self._channel.load()}


@serve.deployment
class RetrievalShard(Answering):
    """One part of the index."""

    async def __init__(self, part: Part, settings: Settings, urls: StoreUrls, token: bytes) -> None:  # type: ignore[misc]
        await self.open(ShardHost(part, settings, urls), token)


@serve.deployment
class Ranker(Answering):
    """The ranker."""

    async def __init__(self, settings: Settings, urls: StoreUrls, token: bytes) -> None:  # type: ignore[misc]
        await self.open(RankerHost(settings, urls), token)
