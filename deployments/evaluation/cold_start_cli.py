"""`cascade evaluate cold-start`: how newcomers and new creators fare."""

import sys
from dataclasses import asdict
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from cluster.errors import InvalidField
from deployments.evaluation.cold_start import DEPTH, PAGE, ColdStart, evaluate_cold_start
from deployments.evaluation.feed import release_of
from training.data.progress import bars
from training.evaluation.held_out import HeldOut
from training.train.names import MODELS


def cold_start(*, days: HeldOut, people: int = 300, pages: int = 5) -> None:
    """Train all models up to a day, and show their feeds to people of a synthetic world as if nobody knew them.

    Parameters
    ----------
    people
        How many of the world's people are drawn.
    pages
        Pages of ten posts that each is shown, one after the other.
    """
    for name, value in (("--people", people), ("--pages", pages)):
        if value < 1:
            raise InvalidField(name, value, "must be at least 1")
    settings, dataset, split, work = trained = days.trained(MODELS, live=True)
    with bars() as progress:
        release = release_of(settings, dataset, split, work)
        result = evaluate_cold_start(settings, dataset, split, release, people, pages, days.seed, progress)
    if days.json:
        sys.stdout.write(msgspec.json.encode(document(result, trained.facts)).decode() + "\n")
        return
    for table in tables(result, trained.facts):
        Console().print(table)


def document(result: ColdStart, facts: dict[str, Any]) -> dict[str, Any]:
    """Everything that was measured, as JSON values."""
    ways = {
        name: {"liked": way.liked.tolist(), "engaged": way.engaged.tolist(), "posts_before": way.posts_before}
        for name, way in result.welcome.items()
    }
    exposure = {name: asdict(made) for name, made in result.exposure.items()}
    return facts | {
        "people": result.people,
        "page": PAGE,
        "welcome": ways,
        "exposure": {**exposure, "catalogue": asdict(result.catalogue)},
    }


def tables(result: ColdStart, facts: dict[str, Any]) -> list[Table]:
    """A row a way to be welcomed, a column a page; then what the feeds of known people are made of."""
    caption = ", ".join(f"{name} {value}" for name, value in {**facts, "people": result.people}.items())
    pages = len(next(iter(result.welcome.values())).liked)
    columns = [f"page {page + 1}" for page in range(pages)]
    welcome = Table(
        "", *columns, "posts before", title="True chance of a long view (share who have engaged)", caption=caption
    )
    for name, way in result.welcome.items():
        told = (f"{liked:.4f} ({engaged:.3f})" for liked, engaged in zip(way.liked, way.engaged, strict=True))
        welcome.add_row(name, *told, f"{way.posts_before:.2f}")
    exposure = Table("", "new creators", "new posts", "true chance", title=f"The first {DEPTH} of known people")
    for name, made in {**result.exposure, "all posts": result.catalogue}.items():
        exposure.add_row(name, f"{made.new_creators:.3f}", f"{made.new_posts:.3f}", f"{made.liked:.4f}")
    return [welcome, exposure]
