"""How far the consumers are behind, from the reports that they make once a second."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Self

import msgspec

from benchmarks.asking import ask
from benchmarks.http_client import Address, Pool
from cluster.ending import end
from cluster.errors import CascadeError
from cluster.event_log import STREAM
from cluster.settings import Settings
from cluster.store.consumers import ConsumerStatus
from cluster.wire import Status
from deployments.consumers import archive

STATUS: Final = "/v1/status"
#: How often the reports are looked up, and how long that may take, in seconds.
PERIOD_S: Final = 0.5
TIMEOUT_S: Final = 2.0
#: A consumer that keeps up is less than this behind, in seconds.
ALLOWED_S: Final = 1.0
#: One that collects entries before it applies them also has those, and the next ones while it applies the first.
COLLECTED_TIMES: Final = 2.0
#: How long consumers may take to work off what an earlier point left, in seconds.
DRAIN_S: Final = 300.0


@dataclass(frozen=True, slots=True)
class ConsumerLag:
    """One consumer during a load. Lags are entries of its stream; None: it did not tell."""

    name: str
    stream: str
    lag_at_end: int | None
    lag_most: int | None
    allowed: float
    entries_per_s: float
    """Applied, from its first report in the load to its last."""
    poisoned: int
    waiting: str | None

    @property
    def keeps_up(self) -> bool:
        return self.lag_at_end is not None and self.lag_at_end <= self.allowed and self.waiting is None


def collected_s(settings: Settings) -> Mapping[str, float]:
    """Seconds for which a consumer collects entries before it applies them, by its name; the others do not."""
    return dict.fromkeys((archive.NAME, archive.POSTS), settings.archive.flush_s)


class Lags:
    """Follows the consumers of the server at `address` for the time of an `async with`."""

    def __init__(self, address: Address, collected_s: Mapping[str, float]) -> None:
        """`collected_s`: as the function of that name gives it."""
        self._pool = Pool(address, 1)
        self._request = address.get(STATUS)
        self._collected_s = collected_s
        self._reports: dict[str, dict[int, ConsumerStatus]] = defaultdict(dict)

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._follow())
        return self

    async def __aexit__(self, *_: object) -> None:
        await end(self._task)
        await self._pool.__aexit__()

    def during(self, begin: float, end: float, events_per_s: float) -> list[ConsumerLag]:
        """Each consumer from `begin` to `end` (Unix seconds), while so many events came."""
        lags = []
        for reports in (self._reports[name] for name in sorted(self._reports)):
            told = [reports[at] for at in sorted(reports) if begin * 1e3 <= at <= end * 1e3]
            lags.append(self._lag(told, reports[max(reports)], events_per_s) if told else _silent(reports))
        return lags

    async def drained(self) -> None:
        """Wait until every consumer has told anew that it is not behind. Raises CascadeError when one does not."""
        since_ms, deadline = time.time() * 1e3, time.monotonic() + DRAIN_S
        while behind := [status for status in await self.look() if self._is_behind(status, since_ms)]:
            if time.monotonic() > deadline:
                names = ", ".join(f"{status.name} by {status.lag}" for status in behind)
                raise CascadeError(
                    f"consumers are behind after {DRAIN_S:g} s without load: {names}", "see `cascade status`"
                )
            await asyncio.sleep(PERIOD_S)

    async def look(self) -> list[ConsumerStatus]:
        """The reports as they are; none when the server does not tell."""
        answer = await ask(self._pool, self._request, TIMEOUT_S)
        if answer.status != 200:
            return []
        return msgspec.json.decode(answer.body, type=Status).consumers or []

    def _is_behind(self, status: ConsumerStatus, since_ms: float) -> bool:
        if status.name in self._collected_s:
            return False
        return status.updated_ms < since_ms or status.lag is None or status.lag > 0

    def _lag(self, told: Sequence[ConsumerStatus], last: ConsumerStatus, events_per_s: float) -> ConsumerLag:
        seconds = (told[-1].updated_ms - told[0].updated_ms) / 1e3
        applied = max(0, told[-1].applied - told[0].applied) / seconds if seconds else 0.0
        coming = events_per_s if last.stream == STREAM else applied
        known = [status.lag for status in told if status.lag is not None]
        return ConsumerLag(
            name=last.name,
            stream=last.stream,
            lag_at_end=told[-1].lag,
            lag_most=max(known, default=None),
            allowed=max(1.0, coming * (ALLOWED_S + COLLECTED_TIMES * self._collected_s.get(last.name, 0.0))),
            entries_per_s=round(applied, 1),
            poisoned=last.poisoned,
            waiting=told[-1].waiting,
        )

    async def _follow(self) -> None:
        while True:
            for status in await self.look():
                self._reports[status.name][status.updated_ms] = status
            await asyncio.sleep(PERIOD_S)


def _silent(reports: Mapping[int, ConsumerStatus]) -> ConsumerLag:
    """A consumer that told nothing during the load."""
    last = reports[max(reports)]
    return ConsumerLag(last.name, last.stream, None, None, 0.0, 0.0, last.poisoned, "silent")
