"""`cascade evaluate feed`: whole feeds on held-out days."""

import sys
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from cluster.errors import InvalidField
from deployments.evaluation.feed import FeedResult, evaluate_feed, release_of
from training.data.progress import bars
from training.evaluation.held_out import HeldOut
from training.train.names import MODELS


def feed(*, days: HeldOut, users: int = 500) -> None:
    """Train all models up to a day, and make the feeds that people would have been shown on later days.

    Parameters
    ----------
    users
        How many of those who came on the test days are drawn.
    """
    if users < 1:
        raise InvalidField("--users", users, "must be at least 1")
    settings, dataset, split, work = trained = days.trained(MODELS, live=True)
    with bars() as progress:
        release = release_of(settings, dataset, split, work)
        result = evaluate_feed(settings, dataset, split, release, users, days.seed, progress)
    if days.json:
        sys.stdout.write(msgspec.json.encode(document(result, trained.facts)).decode() + "\n")
        return
    for table in tables(result, trained.facts):
        Console().print(table)


def document(result: FeedResult, facts: dict[str, Any]) -> dict[str, Any]:
    """Everything that was measured, as JSON values. Intervals are [low, high]."""
    return {
        **facts,
        "users": result.users,
        "occasions": result.occasions,
        "positives": result.positives,
        "quality": {
            name: {metric: interval.value for metric, interval in quality.of_lists.items()} | quality.of_all
            for name, quality in result.quality.items()
        },
        "intervals": {
            name: {metric: [interval.low, interval.high] for metric, interval in quality.of_lists.items()}
            for name, quality in result.quality.items()
        },
        "sources": result.sources,
        "degraded": result.degraded,
    }


def tables(result: FeedResult, facts: dict[str, Any]) -> list[Table]:
    """A row a metric, a column for each way to make feeds; then where the pipeline's posts came from."""
    counts = {**facts, "users": result.users, "occasions": result.occasions, "positives": result.positives}
    caption = ", ".join(f"{name} {value}" for name, value in counts.items())
    table = Table("", *result.quality, title="Feeds", caption=caption)
    for metric in next(iter(result.quality.values())).of_lists:
        intervals = (quality.of_lists[metric] for quality in result.quality.values())
        table.add_row(metric, *(f"{i.value:.4f} ({i.low:.4f} to {i.high:.4f})" for i in intervals))
    for metric in next(iter(result.quality.values())).of_all:
        table.add_row(metric, *(f"{quality.of_all[metric]:.4f}" for quality in result.quality.values()))
    sources = Table("source", "share of posts", title="Sources of the pipeline's posts")
    for name, share in result.sources.items():
        sources.add_row(name, f"{share:.3f}")
    if result.degraded:
        sources.caption = f"{result.degraded} feeds went without some component"
    return [table, sources]
