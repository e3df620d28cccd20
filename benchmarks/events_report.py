"""The report of `cascade bench events`: one document for machines, one table for people."""

from dataclasses import dataclass

import msgspec
from rich.table import Table

from benchmarks.effect import Effect
from benchmarks.lag import ConsumerLag
from benchmarks.machine import Machine
from benchmarks.point import Point
from benchmarks.report import verdict


@dataclass(frozen=True, slots=True)
class EventsPlan:
    """What was asked of the benchmark. Rates are events per second."""

    address: str
    release: str
    dataset: str
    batch: int
    """Events per request."""
    rates: tuple[float, ...]
    """Empty: the sweep chose them."""
    seconds: float
    warmup: float
    timeout: float
    seed: int
    slo_ms: float
    connections: int


class EventsPoint(msgspec.Struct, frozen=True):
    """One rate."""

    events_per_s: float
    """Offered."""
    batches: Point
    """The requests, a batch each."""
    effect: Effect
    consumers: list[ConsumerLag]

    def held(self, slo_ms: float) -> bool:
        """Every batch acknowledged, p99 within `slo_ms`, no consumer falling behind, no watched event lost."""
        return self.batches.meets(slo_ms) and all(each.keeps_up for each in self.consumers) and not self.effect.missing

    def verdict(self, slo_ms: float) -> str:
        """Why it was not held, or `ok`."""
        parts = [] if self.batches.meets(slo_ms) else [verdict(self.batches, slo_ms)]
        parts += [f"{each.name} {each.lag_at_end} behind" for each in self.consumers if not each.keeps_up]
        parts += [f"{self.effect.missing} without effect"] if self.effect.missing else []
        return "; ".join(parts) or "ok"


class RawAppends(msgspec.Struct, frozen=True):
    """The same events, appended through `EventLog` without HTTP."""

    most_events_per_s: float
    """Appended one batch after the other by several tasks, as fast as they are acknowledged."""
    unloaded: Point
    at_sustained: Point | None
    """None when no rate was held."""


class EventsReport(msgspec.Struct, frozen=True):
    benchmark: str
    machine: Machine
    plan: EventsPlan
    sustained_events_per_s: float
    """Highest measured rate that was held; 0 if none."""
    sustained: EventsPoint | None
    unloaded: EventsPoint
    """At one batch a second."""
    points: list[EventsPoint]
    floor: RawAppends
    not_reported: list[str]


def highest_held(points: list[EventsPoint], slo_ms: float) -> EventsPoint | None:
    """The point of the highest rate that was held."""
    held = [point for point in points if point.held(slo_ms)]
    return max(held, key=lambda point: point.events_per_s, default=None)


def table(report: EventsReport) -> Table:
    """All points by rate, then the floor; milliseconds."""
    title = f"POST /v1/events at {report.plan.address}, {report.plan.batch} a request: events per second, milliseconds"
    result = Table(title=title, caption=_caption(report), box=None, padding=(0, 1))
    for heading in ("offered", "taken", "ack p50", "p99", "effect p50", "p99", "behind"):
        result.add_column(heading, justify="right")
    result.add_column("verdict")
    for point in sorted([report.unloaded, *report.points], key=lambda point: point.events_per_s):
        effect = point.effect
        result.add_row(
            f"{point.events_per_s:g}",
            *_acknowledged(point.batches, report.plan.batch),
            f"{effect.ms.p50:.1f}",
            f"{effect.ms.p99:.1f}",
            "/".join(str(each.lag_at_end) for each in point.consumers),
            point.verdict(report.plan.slo_ms),
        )
    floor = report.floor
    for name, appends in (("append, unloaded", floor.unloaded), ("append, sustained", floor.at_sustained)):
        if appends is not None:
            offered = f"{appends.rate * report.plan.batch:g}"
            result.add_row(offered, *_acknowledged(appends, report.plan.batch), "", "", "", name)
    return result


def _acknowledged(point: Point, batch: int) -> tuple[str, str, str]:
    latency = point.latency_ms
    return f"{point.achieved * batch:.0f}", f"{latency.p50:.1f}", f"{latency.p99:.1f}"


def _caption(report: EventsReport) -> str:
    parts = [f"sustained {report.sustained_events_per_s:g} events/s"]
    if report.sustained is not None:
        latency, effect = report.sustained.batches.latency_ms, report.sustained.effect.ms
        parts.append(f"there acknowledged in p50 {latency.p50:.1f}, p99 {latency.p99:.1f} ms")
        parts.append(f"in effect after p50 {effect.p50:.1f}, p99 {effect.p99:.1f} ms")
    if report.unloaded.consumers:
        parts.append("behind are " + "/".join(each.name for each in report.unloaded.consumers))
    parts.append(f"append alone: at most {report.floor.most_events_per_s:.0f} events/s")
    return "; ".join(parts)
