"""The report of `cascade bench serve`: one document for machines, tables for people."""

from dataclasses import dataclass

from rich.console import Group
from rich.table import Table

from benchmarks.answers import Stage
from benchmarks.beside_events import BusyPoint, WithEvents
from benchmarks.compute import Compute
from benchmarks.machine import Machine
from benchmarks.point import Point
from benchmarks.state_reads import StateReads


@dataclass(frozen=True, slots=True)
class Plan:
    """What was asked of the benchmark."""

    address: str
    release: str | None
    """None when it is not known which one the server serves."""
    users: int
    """Users that requests were drawn from."""
    rates: tuple[float, ...]
    """Empty: the sweep chose them."""
    seconds: float
    warmup: float
    timeout: float
    seed: int
    slo_ms: float
    connections: int
    limit: int
    events_per_s: float
    """Events that flow beside the feeds in every second point; 0: none do."""


@dataclass(frozen=True, slots=True)
class Floor:
    """The no-op application on the same Serve, asked the same by the same client."""

    unloaded: Point
    at_goodput: Point | None
    """None when there is no goodput."""


@dataclass(frozen=True, slots=True)
class Report:
    benchmark: str
    machine: Machine
    plan: Plan
    goodput_rps: float
    """Highest measured rate with p99 <= slo_ms, no error, and 98 % of it answered in time; 0 if none."""
    unloaded_p50_ms: float
    """At 1 request/s."""
    floor_p50_ms: float | None
    """The same of the no-op."""
    compute_ms: float | None
    """Median CPU of one feed in one thread, without HTTP and Ray."""
    efficiency: float | None
    """goodput x compute / cores: the share of the machine that did nothing but feeds."""
    lag_p99_ms: float
    """The generator's worst over all points that met the objective; NaN if none did."""
    unloaded: Point
    points: list[Point]
    floor: Floor | None
    compute: Compute | None
    state_ms: Stage | None
    """The state stage at the goodput, by the server's clock."""
    state_reads: StateReads | None
    with_events: WithEvents | None
    not_reported: list[str]


def goodput(points: list[Point], slo_ms: float) -> float:
    """The highest rate among `points` that meets the objective; 0 if none does."""
    return max((point.rate for point in points if point.meets(slo_ms)), default=0.0)


def stage_at(points: list[Point], rate: float, stage: str) -> Stage | None:
    """A stage's times in the point of `rate`."""
    return next((point.stages_ms.get(stage) for point in points if point.rate == rate), None)


def verdict(point: Point, slo_ms: float) -> str:
    """Why a point does not meet the objective, or `ok`, with what was spared."""
    if point.meets(slo_ms):
        return "ok" if point.quality == 1 else f"ok, quality {point.quality:.2f}"
    if point.errors:
        return ", ".join(f"{count} {error}" for error, count in sorted(point.errors.items()))
    if not point.latency_ms.p99 <= slo_ms:
        return f"p99 > {slo_ms:g} ms"
    return "not kept up with" if point.valid else "generator late"


def tables(report: Report) -> Group:
    """All points by rate, without events and with them; what follows from them is the caption."""
    slo_ms, beside = report.plan.slo_ms, report.with_events
    quiet = [(point, verdict(point, slo_ms)) for point in [report.unloaded, *report.points]]
    title = f"POST /v1/feed at {report.plan.address}: requests per second, milliseconds"
    parts = [_table(title, quiet)]
    if beside is not None:
        busy = [(point.feeds, _busy_verdict(point, slo_ms)) for point in beside.points]
        parts.append(_table(f"with {beside.events_per_s:g} events per second", busy))
    parts[-1].caption = _caption(report)
    return Group(*parts)


def _table(title: str, points: list[tuple[Point, str]]) -> Table:
    """Points with their verdicts by rate, each with the generator's p99 lag."""
    result = Table(title=title, box=None, padding=(0, 1), collapse_padding=True, pad_edge=False)
    for heading in ("offered", "served", "p50", "p90", "p99", "p99.9", "max", "degraded", "short", "lag"):
        result.add_column(heading, justify="right")
    result.add_column("verdict")
    for point, said in sorted(points, key=lambda row: row[0].rate):
        latency = point.latency_ms
        times = (latency.p50, latency.p90, latency.p99, latency.p999, latency.max)
        result.add_row(
            f"{point.rate:g}",
            f"{point.achieved:.1f}",
            *(f"{ms:.1f}" for ms in times),
            str(point.degraded),
            str(point.short),
            f"{point.lag_ms.p99:.2f}",
            said,
        )
    return result


def _busy_verdict(point: BusyPoint, slo_ms: float) -> str:
    """Why a point with events does not meet the objective, or `ok`."""
    parts = [] if point.feeds.meets(slo_ms) else [verdict(point.feeds, slo_ms)]
    parts += [f"events: {count} {error}" for error, count in sorted(point.flow.errors.items())]
    parts += [f"{each.name} {each.lag_at_end} behind" for each in point.consumers if not each.keeps_up]
    return ", ".join(parts) or "ok"


def _caption(report: Report) -> str:
    parts = [
        f"goodput {report.goodput_rps:g}/s at p99 <= {report.plan.slo_ms:g} ms",
        f"unloaded p50 {report.unloaded_p50_ms:.2f} ms",
    ]
    if report.floor_p50_ms is not None:
        parts.append(f"no-op {report.floor_p50_ms:.2f} ms")
    if report.compute_ms is not None:
        parts.append(f"compute {report.compute_ms:.2f} ms")
    if report.efficiency is not None:
        parts.append(f"efficiency {report.efficiency:.2f} of {report.machine.cores} cores")
    if report.state_reads is not None:
        for kind, read in (("", report.state_reads.quiet), (" with events", report.state_reads.busy)):
            if read is not None:
                parts.append(f"state read{kind} p50 {read.latency_ms.p50:.2f}, p99 {read.latency_ms.p99:.2f} ms")
    if report.with_events is not None:
        with_events = report.with_events
        parts.append(f"goodput with {with_events.events_per_s:g} events/s {with_events.goodput_rps:g}/s")
        if with_events.ratio is not None:
            parts.append(f"ratio {with_events.ratio:.2f}")
    return "; ".join(parts)
