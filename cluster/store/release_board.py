"""What a running Cascade keeps of releases in the state store: which one is live, and how far each replica followed.

`live_release` holds a copy of the record beside the releases, which alone is durable. The hash `replicas` holds what
each feed server tells of itself.
"""

import time
from typing import Final, cast

import msgspec
from msgspec import Struct

from cluster.live_release import LiveRelease, Trial
from cluster.settings import Store
from cluster.store.breaker import Breaker
from cluster.store.closing import Closing
from cluster.store.connection import Connection

RECORD: Final = "live_release"
REPLICAS: Final = "replicas"
#: Nobody waits for what is asked here.
TIMEOUT_S: Final = 1.0
#: A replica that has told nothing for so long is gone, in seconds.
GONE_S: Final = 10.0


class ShadowStatus(Struct, frozen=True):
    """How a release on trial answers, beside the answers that counted."""

    compared: int
    failed: int
    passed_over: int  # requests of the share that came too fast
    agreement: float  # mean share of the first posts of the two feeds that are in both
    live_ms: float  # median time of the feeds that counted
    trial_ms: float  # of those of the release on trial
    trial_p99_ms: float


class LoadStatus(Struct, frozen=True):
    """How busy a feed server is. Counts are of feeds since it started."""

    in_flight: int
    admitted: int
    refused: dict[str, int]  # by reason: late, full, stale
    quality: float  # share of the candidates that feeds are made of
    service_ms: float  # what a feed takes of the event loop
    wait_ms: float  # predicted for a request that comes now


class ReplicaStatus(Struct, frozen=True, kw_only=True):
    """What a feed server tells of itself."""

    id: str
    release: str
    trial: Trial | None
    revision: int  # of the record that it has followed, or refused
    loading: str | None  # release that it is about to take
    refused: str | None  # why it did not take what the record says
    shadow: ShadowStatus | None
    updated_ms: int  # real time in Unix milliseconds
    load: LoadStatus | None = None

    @property
    def silent_s(self) -> float:
        return max(0.0, time.time() - self.updated_ms / 1e3)


class ReleaseBoard(Closing):
    """One connection, for the tasks of one event loop. Methods raise StoreUnavailable."""

    def __init__(self, url: str, settings: Store) -> None:
        self._connection = Connection(url, TIMEOUT_S, Breaker("online store", settings.retry_ms))
        self._redis = self._connection.redis

    async def keep(self, record: LiveRelease) -> None:
        """Have replicas follow `record`. Its history is for people, and stays in the file."""
        told = msgspec.json.encode(msgspec.structs.replace(record, history=()))
        if await self._connection.outcome(self._redis.get(RECORD)) != told:
            await self._connection.outcome(self._redis.set(RECORD, told))

    async def read(self) -> LiveRelease | None:
        """What replicas are to follow; None for a store that does not know."""
        told = cast(bytes | None, await self._connection.outcome(self._redis.get(RECORD)))
        return None if told is None else msgspec.json.decode(told, type=LiveRelease)

    async def tell(self, status: ReplicaStatus) -> None:
        """Put a replica's report in the place of its last one."""
        await self._connection.outcome(self._redis.hset(REPLICAS, status.id, msgspec.msgpack.encode(status)))

    async def leave(self, replica: str) -> None:
        """Remove the report of a replica that ends."""
        await self._connection.outcome(self._redis.hdel(REPLICAS, replica))

    async def replicas(self) -> list[ReplicaStatus]:
        """The last report of each replica that is there; those of others are removed."""
        told = cast(dict[bytes, bytes], await self._connection.outcome(self._redis.hgetall(REPLICAS)))
        reports = [msgspec.msgpack.decode(told[name], type=ReplicaStatus) for name in sorted(told)]
        if gone := [report.id for report in reports if report.silent_s > GONE_S]:
            await self._connection.outcome(self._redis.hdel(REPLICAS, *gone))
        return [report for report in reports if report.id not in gone]

    async def close(self) -> None:
        await self._connection.close()
