"""`cascade evaluate`: measure ranking and retrieval on held-out days."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from cyclopts import App, Parameter
from rich.console import Console
from rich.table import Table

from cluster.errors import InvalidField
from training.evaluation.held_out import HeldOut

app = App(name="evaluate", help="Measure ranking, retrieval, whole feeds and policies.")
app.command("deployments.evaluation.cli:feed", name="feed", help="Whole feeds, as the pipeline would have made them.")
app.command(
    "deployments.evaluation.cold_start_cli:cold_start",
    name="cold-start",
    help="How newcomers and new creators fare in a synthetic world.",
)
app.command("training.policy.cli:policy", name="policy", help="Bandits over sources, and off-policy estimates of them.")


@app.command
def ranking(
    *,
    days: HeldOut,
    protocol: Literal["frozen", "daily"] = "frozen",
    segments: Annotated[bool, Parameter(negative="")] = False,
    predictions: Path | None = None,
) -> None:
    """Train the ranker up to a day, and rank what each user was shown on later days.

    Parameters
    ----------
    protocol
        `frozen`: features know nothing after training; lists are users. `daily`: features know what happened before
        each day; lists are (user, day), and frozen features stand beside it.
    segments
        Measure new and active users, kinds of posts, and fresh ones, by themselves too.
    predictions
        Write user_id, post_id, time_ms and score of every test row to this Parquet file.
    """
    import pyarrow.parquet as pq

    from training.evaluation.ranking import evaluate_ranking
    from training.evaluation.ranking_report import document, tables
    from training.models.ranker import RankerModel

    _, dataset, split, work = trained = days.trained(("ranker",), live=False)
    result = evaluate_ranking(dataset, split, protocol, RankerModel.load(work / "ranker"), segments)
    if predictions is not None:
        pq.write_table(result.predictions, predictions)
    facts = {"protocol": protocol, **trained.facts}
    if days.json:
        sys.stdout.write(msgspec.json.encode(document(result, facts)).decode() + "\n")
        return
    for table in tables(result, f"Ranking, {protocol}", facts):
        Console().print(table)


@app.command
def prerank(*, days: HeldOut) -> None:
    """Train pre-ranker and ranker up to a day, and tell how much of the ranker's choice the pre-ranker keeps."""
    from training.evaluation.prerank import RECALL, evaluate_prerank
    from training.models.forest import load_forest
    from training.models.ranker import RankerModel

    settings, dataset, split, work = trained = days.trained(("prerank", "ranker"), live=False)
    forest, ranker = load_forest(work / "prerank" / "prerank.npz"), RankerModel.load(work / "ranker")
    result = evaluate_prerank(dataset, split, forest, ranker, settings.rules.weights, days.seed)
    counts = {"feeds": result.feeds, "candidates": result.candidates}
    quality = {name: {RECALL: value} for name, value in result.recall.items()}
    _show("Pre-ranking", {**trained.facts, **counts}, quality, days.json)


@app.command
def retrieval(*, days: HeldOut, k: str = "50,100,200") -> None:
    """Train all retrievers up to a day, and look for what people came to like among all posts.

    Parameters
    ----------
    k
        How many posts are retrieved, numbers between commas.
    """
    from training.evaluation.retrieval import evaluate_retrieval

    ks = _numbers("--k", k)
    _, dataset, split, work = trained = days.trained(("two_tower", "session", "mf", "sasrec"), live=True)
    result = evaluate_retrieval(dataset, split, ks, work, days.seed)
    counts = {"users": result.users, "positives": result.positives, "posts": result.posts}
    _show("Retrieval", {**trained.facts, **counts}, result.quality, days.json)


@app.command
def online(*, days: HeldOut, every_minutes: int = 10) -> None:
    """Train the ranker up to a day, and let it learn online through later days: is it better than left alone?

    Parameters
    ----------
    every_minutes
        How often it learns, in minutes of the data's time.
    """
    from training.data.progress import bars
    from training.evaluation.online import evaluate_online
    from training.evaluation.online_report import tables
    from training.models.ranker import RankerModel

    if every_minutes < 1:
        raise InvalidField("--every-minutes", every_minutes, "must be 1 or more")
    _, dataset, split, work = trained = days.trained(("ranker",), live=False)
    with bars() as progress:
        result = evaluate_online(dataset, split, RankerModel.load(work / "ranker"), every_minutes, progress)
    if days.json:
        facts = {**trained.facts, "every_minutes": every_minutes}
        sys.stdout.write(msgspec.json.encode({**facts, **asdict(result)}).decode() + "\n")
        return
    for table in tables(result):
        Console().print(table)


def _numbers(field: str, text: str) -> list[int]:
    """`50,100` as [50, 100]. Raises InvalidField."""
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdigit() and int(part) > 0 for part in parts):
        raise InvalidField(field, text, "must be whole numbers above 0 with commas between them, like 50,100")
    return sorted({int(part) for part in parts})


def _show(title: str, facts: dict[str, Any], quality: dict[str, dict[str, float]], json: bool) -> None:
    """Print what was measured, best first: for people, or as one JSON document."""
    if json:
        sys.stdout.write(msgspec.json.encode({**facts, "quality": quality}).decode() + "\n")
        return
    columns = list(next(iter(quality.values())))
    table = Table("", *columns, title=title, caption=", ".join(f"{name} {value}" for name, value in facts.items()))
    for name, values in sorted(quality.items(), key=lambda item: -item[1][columns[0]]):
        table.add_row(name, *(f"{values[column]:.4f}" for column in columns))
    Console().print(table)
