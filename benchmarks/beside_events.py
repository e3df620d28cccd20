"""Feeds while events flow: the same load on feeds, and beside it a steady rate of events that are taken and applied."""

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import msgspec

from benchmarks.answers import Stage
from benchmarks.event_flow import EventFlow, Flowed, FlowPlan
from benchmarks.http_client import Address
from benchmarks.lag import ConsumerLag, Lags, collected_s
from benchmarks.point import Point
from cluster.settings import Settings

T = TypeVar("T")


class BusyPoint(msgspec.Struct, frozen=True):
    """One rate of feeds with events beside."""

    feeds: Point
    flow: Flowed
    consumers: list[ConsumerLag]

    def meets(self, slo_ms: float) -> bool:
        """The objective of feeds, and every event acknowledged, and no consumer falling behind."""
        return self.feeds.meets(slo_ms) and self.flow.steady and all(each.keeps_up for each in self.consumers)


class WithEvents(msgspec.Struct, frozen=True):
    """The same as without events, point by point in turn."""

    events_per_s: float
    batch: int
    goodput_rps: float
    ratio: float | None
    """Goodput with events over goodput without; None when that is 0."""
    state_ms: Stage | None
    """The state stage at this goodput, by the server's clock."""
    points: list[BusyPoint]


class BesideEvents:
    """Does what it is told while the events of `plan` flow."""

    def __init__(self, plan: FlowPlan, settings: Settings) -> None:
        self.plan = plan
        self._settings = settings

    async def during(self, work: Callable[[], Awaitable[T]]) -> tuple[T, Flowed, list[ConsumerLag]]:
        """What `work` gives, what became of the events, and how far consumers were behind at its end."""
        async with Lags(Address.parse(self.plan.address), collected_s(self._settings)) as lags:
            async with EventFlow(self.plan) as flow:
                begin = time.time()
                result = await work()
                end = time.time()
                flowed = await flow.stop()
            return result, flowed, lags.during(begin, end, self.plan.events_per_s)

    async def point(self, measure: Callable[[], Awaitable[Point]]) -> BusyPoint:
        """A point of feeds with events beside."""
        return BusyPoint(*await self.during(measure))


def with_events(plan: FlowPlan, points: Sequence[BusyPoint], quiet_rps: float, slo_ms: float) -> WithEvents:
    """Sum `points` up; `quiet_rps` is the goodput without events."""
    met = [point.feeds for point in points if point.meets(slo_ms)]
    best = max(met, key=lambda point: point.rate, default=None)
    return WithEvents(
        events_per_s=plan.events_per_s,
        batch=plan.batch,
        goodput_rps=best.rate if best else 0.0,
        ratio=round((best.rate if best else 0.0) / quiet_rps, 4) if quiet_rps else None,
        state_ms=best.stages_ms.get("state") if best else None,
        points=list(points),
    )
