"""`cascade evaluate`: measure ranking and retrieval on held-out days."""

import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from cyclopts import App, Parameter
from rich.console import Console
from rich.table import Table

app = App(name="evaluate", help="Measure ranking and retrieval on held-out days.")

Data = Annotated[Path | None, Parameter(help="Source data or a data set; default: that of the settings.")]
Until = Annotated[str, Parameter(help="Last day that is trained on, yyyymmdd.")]
Test = Annotated[str, Parameter(help="Days that are tested on, FIRST:LAST.")]
Json = Annotated[bool, Parameter(name="--json", negative="", help="Print one JSON document.")]


@app.command
def ranking(
    *,
    train_until: Until,
    test: Test,
    data: Data = None,
    protocol: Literal["frozen", "daily"] = "frozen",
    predictions: Path | None = None,
    json: Json = False,
) -> None:
    """Train the ranker up to a day, and rank what each user was shown on later days.

    Parameters
    ----------
    protocol
        `frozen`: features know nothing after training; lists are users. `daily`: features know what happened before
        each day; lists are (user, day), and frozen features stand beside it.
    predictions
        Write user_id, post_id, time_ms and score of every test row to this Parquet file.
    """
    import pyarrow.parquet as pq

    from cluster.settings import load_settings
    from training.data.ensure import ensure_dataset
    from training.evaluation.ranking import evaluate_ranking
    from training.evaluation.split import Split
    from training.models.ranker import RankerModel
    from training.train.all import train

    split = Split.parse(train_until, test)
    settings = load_settings()
    dataset = ensure_dataset(settings if data is None else settings.model_copy(update={"data": data}))
    split.check(dataset)
    work = train(settings, dataset, ("ranker",), split.train_until)
    result = evaluate_ranking(dataset, split, protocol, RankerModel.load(work / "ranker"))
    if predictions is not None:
        pq.write_table(result.predictions, predictions)
    head = {"protocol": protocol, "train_until": split.train_until, "test": [split.first, split.last]}
    counts = {"rows": result.rows, "users": result.users, "lists": result.lists}
    quality = {name: value.as_dict() for name, value in result.quality.items()}
    _show(f"Ranking, {protocol}", {**head, **counts}, quality, json)


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
