"""`cascade evaluate`: measure ranking and retrieval on held-out days."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from cyclopts import App, Parameter
from rich.console import Console
from rich.table import Table

from cluster.errors import InvalidField

if TYPE_CHECKING:
    from cluster.settings import Settings
    from training.data.dataset import DataSet

app = App(name="evaluate", help="Measure ranking, retrieval, whole feeds and policies.")
app.command("deployments.evaluation.cli:feed", name="feed", help="Whole feeds, as the pipeline would have made them.")
app.command("training.policy.cli:policy", name="policy", help="Bandits over sources, and off-policy estimates of them.")

Data = Annotated[Path | None, Parameter(help="Source data or a data set; default: that of the settings.")]
Until = Annotated[str, Parameter(help="Last day that is trained on, yyyymmdd.")]
Test = Annotated[str, Parameter(help="Days that are tested on, FIRST:LAST.")]
RecipeName = Annotated[
    str | None, Parameter(name="--recipe", help="How models are trained; default: that of the settings.")
]
Seed = Annotated[int, Parameter(help="Seed of all that is drawn in training.")]
Json = Annotated[bool, Parameter(name="--json", negative="", help="Print one JSON document.")]


@app.command
def ranking(
    *,
    train_until: Until,
    test: Test,
    data: Data = None,
    protocol: Literal["frozen", "daily"] = "frozen",
    segments: Annotated[bool, Parameter(negative="")] = False,
    predictions: Path | None = None,
    recipe: RecipeName = None,
    seed: Seed = 1,
    json: Json = False,
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
    from training.evaluation.split import Split
    from training.models.ranker import RankerModel
    from training.recipes import recipe_named
    from training.train.all import train

    split = Split.parse(train_until, test)
    settings, dataset = open_data(data)
    split.check(dataset)
    # Neither protocol has fresh features, so the model learns from examples without them.
    how = recipe_named(recipe or settings.training.recipe).seeded(seed).before_each_day()
    work = train(settings, dataset, ("ranker",), split.train_until, how)
    result = evaluate_ranking(dataset, split, protocol, RankerModel.load(work / "ranker"), segments)
    if predictions is not None:
        pq.write_table(result.predictions, predictions)
    facts = {"protocol": protocol, "train_until": split.train_until, "test": [split.first, split.last]}
    if json:
        sys.stdout.write(msgspec.json.encode(document(result, facts)).decode() + "\n")
        return
    for table in tables(result, f"Ranking, {protocol}", facts):
        Console().print(table)


@app.command
def prerank(
    *, train_until: Until, test: Test, data: Data = None, recipe: RecipeName = None, seed: Seed = 1, json: Json = False
) -> None:
    """Train pre-ranker and ranker up to a day, and tell how much of the ranker's choice the pre-ranker keeps."""
    from training.evaluation.prerank import RECALL, evaluate_prerank
    from training.evaluation.split import Split
    from training.models.forest import load_forest
    from training.models.ranker import RankerModel
    from training.recipes import recipe_named
    from training.train.all import train

    split = Split.parse(train_until, test)
    settings, dataset = open_data(data)
    split.check(dataset)
    how = recipe_named(recipe or settings.training.recipe).seeded(seed).before_each_day()
    work = train(settings, dataset, ("prerank", "ranker"), split.train_until, how)
    forest, ranker = load_forest(work / "prerank" / "prerank.npz"), RankerModel.load(work / "ranker")
    result = evaluate_prerank(dataset, split, forest, ranker, settings.rules.weights, seed)
    head = {"train_until": split.train_until, "test": [split.first, split.last]}
    counts = {"feeds": result.feeds, "candidates": result.candidates}
    quality = {name: {RECALL: value} for name, value in result.recall.items()}
    _show("Pre-ranking", {**head, **counts}, quality, json)


@app.command
def retrieval(
    *,
    train_until: Until,
    test: Test,
    data: Data = None,
    k: str = "50,100,200",
    recipe: RecipeName = None,
    seed: Seed = 1,
    json: Json = False,
) -> None:
    """Train all retrievers up to a day, and look for what people came to like among all posts.

    Parameters
    ----------
    k
        How many posts are retrieved, numbers between commas.
    """
    from training.evaluation.retrieval import evaluate_retrieval
    from training.evaluation.split import Split
    from training.recipes import recipe_named
    from training.train.all import train

    split, ks = Split.parse(train_until, test), _numbers("--k", k)
    settings, dataset = open_data(data)
    split.check(dataset)
    how = recipe_named(recipe or settings.training.recipe).seeded(seed)
    work = train(settings, dataset, ("two_tower", "session", "mf", "sasrec"), split.train_until, how)
    result = evaluate_retrieval(dataset, split, ks, work, seed)
    head = {"train_until": split.train_until, "test": [split.first, split.last]}
    counts = {"users": result.users, "positives": result.positives, "posts": result.posts}
    _show("Retrieval", {**head, **counts}, result.quality, json)


@app.command
def online(
    *,
    train_until: Until,
    test: Test,
    data: Data = None,
    every_minutes: int = 10,
    recipe: RecipeName = None,
    seed: Seed = 1,
    json: Json = False,
) -> None:
    """Train the ranker up to a day, and let it learn online through later days: is it better than left alone?

    Parameters
    ----------
    every_minutes
        How often it learns, in minutes of the data's time.
    """
    from training.data.progress import bars
    from training.evaluation.online import evaluate_online
    from training.evaluation.online_report import tables
    from training.evaluation.split import Split
    from training.models.ranker import RankerModel
    from training.recipes import recipe_named
    from training.train.all import train

    if every_minutes < 1:
        raise InvalidField("--every-minutes", every_minutes, "must be 1 or more")
    split = Split.parse(train_until, test)
    settings, dataset = open_data(data)
    split.check(dataset)
    how = recipe_named(recipe or settings.training.recipe).seeded(seed).before_each_day()
    work = train(settings, dataset, ("ranker",), split.train_until, how)
    with bars() as progress:
        result = evaluate_online(dataset, split, RankerModel.load(work / "ranker"), every_minutes, progress)
    if json:
        facts = {"train_until": split.train_until, "test": [split.first, split.last], "every_minutes": every_minutes}
        sys.stdout.write(msgspec.json.encode({**facts, **asdict(result)}).decode() + "\n")
        return
    for table in tables(result):
        Console().print(table)


def open_data(data: Path | None) -> tuple["Settings", "DataSet"]:
    """The settings, and the data set of the folder or of the settings, imported first if need be."""
    from cluster.settings import load_settings
    from training.data.ensure import ensure_dataset

    settings = load_settings()
    return settings, ensure_dataset(settings if data is None else settings.model_copy(update={"data": data}))


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
