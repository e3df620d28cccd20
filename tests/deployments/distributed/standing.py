"""Shards and a ranker behind real sockets, beside a feed server with all in one process."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import msgspec

from cluster.clock import Clock
from cluster.settings import Settings
from cluster.store.urls import StoreUrls
from cluster.wire import FeedResponse
from deployments.channel.group import Group
from deployments.channel.server import ChannelServer
from deployments.distributed.backends import Backends
from deployments.rankers.host import RankerHost
from deployments.replica import Replica
from deployments.retrieval.host import ShardHost
from deployments.retrieval.part import Part
from tests.kernels.columns import NOW

TOKEN = b"token"


@dataclass
class Standing:
    """A part of a Cascade each."""

    shards: list[ShardHost]
    ranker: RankerHost
    servers: list[ChannelServer]  # those of the shards, and of the ranker
    backends: Backends
    distributed: Replica
    fused: Replica

    async def feeds(self, **request: Any) -> list[FeedResponse]:
        """The answers of both, to a request of one moment."""
        told = {"deadline_ms": 10_000, "limit": 20, "context": {"time_ms": NOW}, **request}
        return [await replica.feed(msgspec.json.encode(told)) for replica in (self.distributed, self.fused)]


@asynccontextmanager
async def standing(settings: Settings, urls: StoreUrls, shards: int) -> AsyncIterator[Standing]:
    async with AsyncExitStack() as stack:
        hosts = [ShardHost(Part(number, shards), settings, urls) for number in range(shards)]
        ranker = RankerHost(settings, urls)
        groups, servers = [], []
        for host in (*hosts, ranker):
            await host.start()
            stack.push_async_callback(host.close)
            servers.append(server := ChannelServer(host.answer, TOKEN))
            groups.append(group := Group(f"group {len(groups)}", TOKEN))
            await group.update([await server.start("127.0.0.1")])
            stack.push_async_callback(server.close)
        backends = Backends(groups[:-1], groups[-1], 0.4)
        clock = Clock.replay(NOW)
        distributed, fused = (Replica.open(settings, clock, urls, each) for each in (backends, None))
        for replica in (distributed, fused):
            stack.push_async_callback(replica.close)
            await replica.warm_up()
        yield Standing(hosts, ranker, servers, backends, distributed, fused)
