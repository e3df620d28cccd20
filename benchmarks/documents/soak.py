"""The dated report of `cascade bench soak`."""

from dataclasses import asdict

from benchmarks.documents.serve import OPEN_LOOP
from benchmarks.memory import Growth
from benchmarks.reporting.document import Document, Figure, Grid, Lines, Series
from benchmarks.soak_report import SoakReport


def soak_document(report: SoakReport) -> Document:
    """What became of a Cascade under load for long, for people."""
    plan, feeds = report.plan, report.feeds
    errors = ", ".join(f"{count} {name}" for name, count in sorted(feeds.errors.items())) or "none"
    figures = [
        Figure("feeds", f"{feeds.requests}", f"errors: {errors}; {feeds.degraded} degraded"),
        Figure("p99", f"{feeds.p99_end_ms:.1f} ms", f"{feeds.p99_begin_ms:.1f} ms in the beginning"),
    ]
    if report.events is not None:
        figures.append(Figure("events", f"{report.events.acknowledged:.0f}/s", "acknowledged, so on disk"))
    parts: list[float | None] = [float(part) for part in range(1, len(report.parts) + 1)]
    return Document(
        benchmark="soak",
        title="Load for a long time",
        summary=f"{plan.minutes:g} minutes of {plan.rate:g} feeds/s and {plan.events_per_s:g} events/s.",
        figures=figures,
        machine=report.machine,
        settings={**asdict(plan), "dataset": plan.dataset.rsplit("/", 1)[-1]},
        tables=[
            Grid(
                "Memory in MB, and its growth in the second half",
                ["process", "RSS at the end", "RSS/hour", "PSS at the end", "PSS/hour"],
                [
                    [each.name, *_growth(each.rss), *_growth(each.pss)]
                    for each in sorted(report.memory, key=lambda each: each.name)
                ],
            ),
            Grid(
                "Streams",
                ["stream", "entries", "at the end"],
                [[stream.name, str(stream.begin), str(stream.end)] for stream in report.streams],
            ),
            Grid(
                "Consumers in the last part",
                ["consumer", "events behind at the end"],
                [[each.name, str(each.lag_at_end)] for each in report.consumers],
            ),
        ],
        charts=[
            Lines(
                "Latency of feeds, part by part",
                "part",
                "ms",
                [
                    Series("p50", parts, [part.latency_ms.p50 for part in report.parts]),
                    Series("p99", parts, [part.latency_ms.p99 for part in report.parts]),
                ],
            )
        ],
        notes=[
            OPEN_LOOP,
            "Growth is a line of least squares through the samples of the second half, with its standard error.",
            *(f"{name} has ended meanwhile." for name in report.ended),
            *(f"{name} was started meanwhile." for name in report.started),
        ],
        not_reported=report.not_reported,
    )


def _growth(growth: Growth) -> tuple[str, str]:
    return f"{growth.end_mb:.1f}", f"{growth.mb_per_hour:.1f} ± {growth.standard_error:.1f}"
