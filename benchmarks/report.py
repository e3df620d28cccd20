"""The report of `cascade bench serve`: one document for machines, one table for people."""

from dataclasses import dataclass
from pathlib import Path

import msgspec
from rich.table import Table

from benchmarks.compute import Compute
from benchmarks.machine import Machine
from benchmarks.point import Point


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
    not_reported: list[str]

    def json(self) -> bytes:
        """One line; NaN is null."""
        return msgspec.json.encode(self)

    def write(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(msgspec.json.format(self.json(), indent=2) + b"\n")


def goodput(points: list[Point], slo_ms: float) -> float:
    """The highest rate among `points` that meets the objective; 0 if none does."""
    return max((point.rate for point in points if point.meets(slo_ms)), default=0.0)


def verdict(point: Point, slo_ms: float) -> str:
    """Why a point does not meet the objective, or `ok`."""
    if point.meets(slo_ms):
        return "ok"
    if point.errors:
        return ", ".join(f"{count} {error}" for error, count in sorted(point.errors.items()))
    if not point.latency_ms.p99 <= slo_ms:
        return f"p99 > {slo_ms:g} ms"
    return "not kept up with" if point.valid else "generator late"


def table(report: Report) -> Table:
    """All points by rate, each with the generator's p99 lag; what follows from them is the caption."""
    title = f"POST /v1/feed at {report.plan.address}: requests per second, milliseconds"
    result = Table(title=title, caption=_caption(report), box=None, padding=(0, 1))
    for heading in ("offered", "served", "p50", "p90", "p99", "p99.9", "max", "degraded", "short", "lag"):
        result.add_column(heading, justify="right")
    result.add_column("verdict")
    for point in sorted([report.unloaded, *report.points], key=lambda point: point.rate):
        latency = point.latency_ms
        times = (latency.p50, latency.p90, latency.p99, latency.p999, latency.max)
        result.add_row(
            f"{point.rate:g}",
            f"{point.achieved:.1f}",
            *(f"{ms:.1f}" for ms in times),
            str(point.degraded),
            str(point.short),
            f"{point.lag_ms.p99:.2f}",
            verdict(point, report.plan.slo_ms),
        )
    return result


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
    return "; ".join(parts)
