"""The report of `cascade bench soak`: one document for machines, tables for people."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
from rich.console import Group
from rich.table import Table
from rich.text import Text

from benchmarks.event_flow import Flowed
from benchmarks.lag import ConsumerLag
from benchmarks.machine import Machine
from benchmarks.memory import RAYS_OWN, Growth, ProcessMemory, total
from benchmarks.point import Point


@dataclass(frozen=True, slots=True)
class SoakPlan:
    """What was asked of the benchmark."""

    address: str
    release: str
    dataset: str
    minutes: float
    rate: float
    """Feeds per second."""
    events_per_s: float
    batch: int
    every: float
    """Seconds between samples of memory."""
    seed: int
    limit: int


@dataclass(frozen=True, slots=True)
class Soaked:
    """Feeds over the whole time."""

    requests: int
    errors: dict[str, int]
    degraded: int
    p99_begin_ms: float
    """Of the first part."""
    p99_end_ms: float
    """Of the last part."""


@dataclass(frozen=True, slots=True)
class StreamGrowth:
    name: str
    begin: int
    end: int


class SoakReport(msgspec.Struct, frozen=True):
    benchmark: str
    machine: Machine
    plan: SoakPlan
    feeds: Soaked
    parts: list[Point]
    """Feeds, part after part."""
    events: Flowed | None
    """None when none were to flow."""
    consumers: list[ConsumerLag]
    """In the last part."""
    memory: list[ProcessMemory]
    streams: list[StreamGrowth]
    ended: list[str]
    """Processes that were there at the beginning and not at the end."""
    started: list[str]
    """Processes that were there at the end only."""
    not_reported: list[str]


def soaked(parts: Sequence[Point]) -> Soaked:
    """Sum up `parts`, of which there is at least one."""
    errors: Counter[str] = Counter()
    for part in parts:
        errors.update(part.errors)
    return Soaked(
        requests=sum(part.requests for part in parts),
        errors=dict(errors),
        degraded=sum(part.degraded for part in parts),
        p99_begin_ms=parts[0].latency_ms.p99,
        p99_end_ms=parts[-1].latency_ms.p99,
    )


def tables(report: SoakReport) -> Group:
    """Memory by process with its growth, and streams; and what else was seen."""
    plan = report.plan
    memory = Table(
        title=f"{plan.minutes:g} minutes, {plan.rate:g} feeds/s, {plan.events_per_s:g} events/s: MB, MB per hour",
        box=None,
        padding=(0, 1),
    )
    memory.add_column("process", no_wrap=True)
    for heading in ("RSS at the end", "RSS/hour", "PSS at the end", "PSS/hour"):
        memory.add_column(heading, justify="right")
    own = [each for each in report.memory if not each.name.startswith(RAYS_OWN)]
    rays = [each for each in report.memory if each.name.startswith(RAYS_OWN)]
    for each in sorted(own, key=lambda each: each.name):
        memory.add_row(f"{each.name} {each.pid}", *_growth(each.rss), *_growth(each.pss))
    if rays:
        sums = total([each.rss for each in rays]), total([each.pss for each in rays])
        memory.add_row(f"{len(rays)} of Ray's own", *_growth(sums[0]), *_growth(sums[1]))
    streams = Table(box=None, padding=(0, 1))
    for heading in ("stream", "entries", "at the end"):
        streams.add_column(heading, justify="left" if heading == "stream" else "right")
    for stream in report.streams:
        streams.add_row(stream.name, str(stream.begin), str(stream.end))
    return Group(memory, streams, Text(_said(report)))


def _growth(growth: Growth) -> tuple[str, str]:
    return f"{growth.end_mb:.1f}", f"{growth.mb_per_hour:.1f}±{growth.standard_error:.1f}"


def _said(report: SoakReport) -> str:
    feeds = report.feeds
    errors = ", ".join(f"{count} {error}" for error, count in sorted(feeds.errors.items())) or "no errors"
    parts = [
        f"{feeds.requests} feeds, {errors}, {feeds.degraded} degraded",
        f"p99 {feeds.p99_begin_ms:.1f} ms at first, {feeds.p99_end_ms:.1f} ms at the end",
    ]
    if report.events is not None:
        refused = ", ".join(f"{count} {error}" for error, count in sorted(report.events.errors.items())) or "no errors"
        parts.append(f"{report.events.acknowledged:.0f} events/s, {refused}")
    parts += [f"{each.name} {each.lag_at_end} behind" for each in report.consumers]
    parts += [f"{name} has ended" for name in report.ended]
    parts += [f"without {missing}" for missing in report.not_reported]
    return "; ".join(parts)
