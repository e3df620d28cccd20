"""The dated report of `cascade bench events`."""

from pathlib import Path

import msgspec

from benchmarks.events_report import EventsReport
from benchmarks.reporting.document import Document, Figure, Grid, Lines, Series


def events_document(report: EventsReport) -> Document:
    """What was measured of events, for people."""
    plan = report.plan
    points = sorted([report.unloaded, *report.points], key=lambda point: point.events_per_s)
    rates: list[float | None] = [point.events_per_s for point in points]
    figures = [Figure("sustained", f"{report.sustained_events_per_s:g} events/s", f"p99 <= {plan.slo_ms:g} ms")]
    if report.sustained is not None:
        latency, effect = report.sustained.batches.latency_ms, report.sustained.effect.ms
        figures.append(Figure("on disk", f"p99 {latency.p99:.0f} ms", "at the sustained rate"))
        figures.append(Figure("in effect", f"p50 {effect.p50:.0f} ms", f"p99 {effect.p99:.0f} ms"))
    figures.append(Figure("append alone", f"{report.floor.most_events_per_s:.0f} events/s", "without HTTP"))
    rows = [
        [
            f"{point.events_per_s:g}",
            f"{point.batches.achieved * plan.batch:.0f}",
            f"{point.batches.latency_ms.p50:.1f}",
            f"{point.batches.latency_ms.p99:.1f}",
            f"{point.effect.ms.p50:.1f}",
            f"{point.effect.ms.p99:.1f}",
            ", ".join(f"{each.name} {each.lag_at_end}" for each in point.consumers),
            point.verdict(plan.slo_ms),
        ]
        for point in points
    ]
    columns = ["offered/s", "taken/s", "on disk p50", "p99", "in effect p50", "p99", "behind at the end", "verdict"]
    return Document(
        benchmark="events",
        title="Taking in events",
        summary=f"{report.sustained_events_per_s:g} events/s are on disk within p99 {plan.slo_ms:g} ms, and no "
        "consumer falls behind.",
        figures=figures,
        machine=report.machine,
        settings=msgspec.to_builtins(plan) | {"dataset": Path(plan.dataset).name},
        tables=[Grid(f"All points, {plan.batch} events a request, milliseconds", columns, rows)],
        charts=[
            Lines(
                "On disk and in effect by load",
                "events/s offered",
                "p99, ms",
                [
                    Series("on disk", rates, [point.batches.latency_ms.p99 for point in points]),
                    Series("in effect", rates, [point.effect.ms.p99 for point in points]),
                ],
                plan.slo_ms,
            )
        ],
        notes=["On disk is acknowledged; in effect is when the state store has it, which the next feed reads."],
        not_reported=report.not_reported,
    )
