"""The report of `cascade bench compare`: one document for machines, one table for people."""

import math
from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np
from rich.console import Group
from rich.table import Table
from rich.text import Text

from benchmarks.compute import Compute
from benchmarks.contenders.registry import REFERENCE
from benchmarks.machine import Machine
from benchmarks.point import Point
from benchmarks.same_feeds import Agreement


class ComparePlan(msgspec.Struct, frozen=True):
    """What was asked of the benchmark."""

    release: str
    dataset: str
    users: int
    contenders: list[str]
    workers: int
    p99_ms: float
    rate: float
    seconds: float
    warmup: float
    rounds: int
    seed: int
    limit: int
    connections: int


class Measured(msgspec.Struct, frozen=True):
    """A point, and what the contender's processes used for it, generator and stores not among them."""

    point: Point
    cores: float
    """CPU seconds per second."""
    cpu_ms_per_feed: float
    """The same per request, with all that runs whether or not anybody asks."""
    store_cpu_ms_per_feed: float
    """Of both stores."""


class Figures(msgspec.Struct, frozen=True):
    """What a contender did in one turn."""

    unloaded: Measured
    common: Measured
    """At the rate that is the same for all."""
    search: list[Measured]
    """For the goodput; none where that is 0 for sure, or of a contender that makes no feeds."""
    makes_feeds: bool

    def best(self, p99_ms: float) -> Measured | None:
        """Of the rates that met the bound the highest."""
        met = [each for each in (self.unloaded, self.common, *self.search) if each.point.meets(p99_ms)]
        return max(met, key=lambda each: each.point.rate, default=None) if self.makes_feeds else None

    def goodput_rps(self, p99_ms: float) -> float | None:
        """The highest rate that met the bound, 0 if none did; None of a contender that makes no feeds."""
        best = self.best(p99_ms)
        return best.point.rate if best else 0.0 if self.makes_feeds else None


class Turn(msgspec.Struct, frozen=True):
    """One contender, measured once."""

    contender: str
    round: int
    start_s: float
    """From its start until it answered."""
    agreement: Agreement | None
    """With the feeds of who answered first; None where it makes none."""
    figures: Figures
    memory_mb: float
    """At the end of the turn."""


class Standing(msgspec.Struct, frozen=True):
    """A contender over its turns: means, so that a machine that slows down evenly strikes all alike."""

    contender: str
    about: str
    goodput_rps: float | None
    goodputs_rps: list[float]
    """Of each turn."""
    unloaded_p50_ms: float
    unloaded_p99_ms: float
    common_p50_ms: float
    common_p99_ms: float
    cpu_ms_per_feed: float
    """At the common rate."""
    cpu_ms_at_goodput: float | None
    """The same at its own goodput."""
    cores_unloaded: float
    memory_mb: float
    to_reference: dict[str, float | None]
    """Ratio of each figure to that of the reference; null where there is none, or it is 0."""


class CompareReport(msgspec.Struct, frozen=True):
    benchmark: str
    machine: Machine
    plan: ComparePlan
    standings: list[Standing]
    times_the_goodput: dict[str, float | None]
    """Goodput of the reference over that of each other; null where the other has none."""
    compute: list[Compute]
    """One feed in one thread without HTTP and Ray, before the turns and after them."""
    ceiling_rps: float | None
    """Feeds/s that all cores would make if they did nothing else."""
    turns: list[Turn]
    not_reported: list[str]


#: Figures of a standing of which there are ratios.
RATIOS: Final = (
    "goodput_rps",
    "unloaded_p50_ms",
    "unloaded_p99_ms",
    "common_p50_ms",
    "common_p99_ms",
    "cpu_ms_per_feed",
    "cpu_ms_at_goodput",
    "memory_mb",
)


def standing(contender: str, about: str, turns: Sequence[Turn], p99_ms: float) -> Standing:
    """The means over the turns of a contender, of which there is one at least."""
    figures = [turn.figures for turn in turns]
    goodputs = [rate for each in figures if (rate := each.goodput_rps(p99_ms)) is not None]
    best = [found for each in figures if (found := each.best(p99_ms)) is not None]
    return Standing(
        contender=contender,
        about=about,
        goodput_rps=_mean(goodputs) if goodputs else None,
        goodputs_rps=goodputs,
        unloaded_p50_ms=_mean([each.unloaded.point.latency_ms.p50 for each in figures]),
        unloaded_p99_ms=_mean([each.unloaded.point.latency_ms.p99 for each in figures]),
        common_p50_ms=_mean([each.common.point.latency_ms.p50 for each in figures]),
        common_p99_ms=_mean([each.common.point.latency_ms.p99 for each in figures]),
        cpu_ms_per_feed=_mean([each.common.cpu_ms_per_feed for each in figures]),
        cpu_ms_at_goodput=_mean([each.cpu_ms_per_feed for each in best]) if best else None,
        cores_unloaded=_mean([each.unloaded.cores for each in figures]),
        memory_mb=_mean([turn.memory_mb for turn in turns]),
        to_reference={},
    )


def compared(standings: Sequence[Standing]) -> list[Standing]:
    """The standings with their ratios to the reference, if that is among them."""
    reference = next((each for each in standings if each.contender == REFERENCE), None)
    if reference is None:
        return list(standings)
    return [
        msgspec.structs.replace(
            each, to_reference={name: _ratio(getattr(each, name), getattr(reference, name)) for name in RATIOS}
        )
        for each in standings
    ]


def times_the_goodput(standings: Sequence[Standing]) -> dict[str, float | None]:
    """How many times the goodput of each other contender the reference has."""
    found = {each.contender: each.goodput_rps for each in standings}
    mine = found.pop(REFERENCE, None)
    return {} if mine is None else {name: _ratio(mine, other) for name, other in found.items() if other is not None}


def _mean(values: Sequence[float]) -> float:
    return round(float(np.mean(values)), 3)


def _ratio(value: float | None, by: float | None) -> float | None:
    if value is None or not by or math.isnan(value) or math.isnan(by):
        return None
    return round(value / by, 3)


def tables(report: CompareReport) -> Group:
    """One row a contender; what follows from them below."""
    plan, common = report.plan, f"{report.plan.rate:g}/s"
    title = f"POST /v1/feed, means of {plan.rounds} turns: feeds/s, latency and CPU of a feed in ms, memory in MB"
    table = Table(title=title, box=None, padding=(0, 1), collapse_padding=True, pad_edge=False)
    table.add_column("contender", no_wrap=True)
    headings = ("goodput", "p50 1/s", f"p50 {common}", f"p99 {common}", f"CPU {common}", "CPU goodput")
    for heading in (*headings, "cores 1/s", "memory", "same feeds"):
        table.add_column(heading.replace(" ", "\n"), justify="right", no_wrap=True)
    for each in report.standings:
        times = (each.unloaded_p50_ms, each.common_p50_ms, each.common_p99_ms, each.cpu_ms_per_feed)
        table.add_row(
            each.contender,
            "" if each.goodput_rps is None else f"{each.goodput_rps:g}",
            *(f"{ms:.1f}" for ms in times),
            "" if each.cpu_ms_at_goodput is None else f"{each.cpu_ms_at_goodput:.1f}",
            f"{each.cores_unloaded:.2f}",
            f"{each.memory_mb:.0f}",
            same_feeds(report, each.contender),
        )
    return Group(table, Text(headline(report)))


def same_feeds(report: CompareReport, contender: str) -> str:
    """How many of the compared feeds were the same as those of who answered first."""
    found = [turn.agreement for turn in report.turns if turn.contender == contender and turn.agreement]
    return f"{sum(each.identical for each in found)}/{sum(each.feeds for each in found)}" if found else ""


def headline(report: CompareReport) -> str:
    """What the figures come to, in a sentence."""
    parts = [
        f"{REFERENCE} carries {times:.2g} times the goodput of {name}"
        if times
        else f"{name} carries nothing at p99 <= {report.plan.p99_ms:g} ms"
        for name, times in report.times_the_goodput.items()
    ]
    if report.ceiling_rps is not None:
        parts.append(f"compute alone would be {report.ceiling_rps:.0f} feeds/s")
    return "; ".join(parts)
