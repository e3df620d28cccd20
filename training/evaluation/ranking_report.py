"""What `cascade evaluate ranking` tells: one document for programs, tables for people."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from rich.table import Table

from training.evaluation.bootstrap import Interval
from training.evaluation.quality import Measurement
from training.evaluation.ranking import RankingResult

#: Metrics that fit on a screen; the document has all.
COLUMNS: Final = ("primary", "gauc", "ndcg@5", "auc", "ndcg@10", "precision@10", "recall@10")


def document(result: RankingResult, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Everything that was measured, as JSON values; `facts` come first. Intervals are [low, high]."""
    return {
        **facts,
        **_document(result.overall),
        "heads": result.heads,
        "segments": {name: _document(part) for name, part in result.segments.items()},
    }


def tables(result: RankingResult, title: str, facts: Mapping[str, Any]) -> Iterator[Table]:
    """The measurement, then heads, then the segments that were measured."""
    overall = result.overall
    counts = {**facts, "rows": overall.rows, "users": overall.users, "lists": overall.lists}
    caption = ", ".join(f"{name} {value}" for name, value in counts.items())
    table = Table("", "primary", "model ahead by", *COLUMNS[1:], title=title, caption=caption)
    for name, metrics in sorted(overall.quality.items(), key=lambda item: -item[1]["primary"].value):
        ahead = _told(overall.ahead[name], "+.4f") if name in overall.ahead else ""
        others = (f"{metrics[column].value:.4f}" for column in COLUMNS[1:])
        table.add_row(name, _told(metrics["primary"]), ahead, *others)
    yield table
    yield _heads(result)
    if result.segments:
        yield _segments(result)


def _document(measured: Measurement) -> dict[str, Any]:
    return {
        "rows": measured.rows,
        "users": measured.users,
        "lists": measured.lists,
        "quality": {name: {m: i.value for m, i in metrics.items()} for name, metrics in measured.quality.items()},
        "intervals": {
            name: {m: [i.low, i.high] for m, i in metrics.items()} for name, metrics in measured.quality.items()
        },
        "ahead": {name: list(interval) for name, interval in measured.ahead.items()},
    }


def _heads(result: RankingResult) -> Table:
    columns = ("rows", "positives", "auc", "log_loss", "ece", "calibration", "mean_s", "error_s")
    table = Table("head", "of", *columns, title="Heads")
    for head in result.heads["model"]:
        for name, heads in result.heads.items():
            figures = (heads[head].get(column) for column in columns)
            table.add_row(head, name, *("" if f is None else f"{f:.4f}" if f % 1 else f"{f:.0f}" for f in figures))
    return table


def _segments(result: RankingResult) -> Table:
    names = [name for name in result.overall.quality if name not in ("random", "oracle")]
    table = Table("segment", "rows", "lists", *names, "model ahead of popularity by", title="Primary by segment")
    for segment, part in result.segments.items():
        values = (f"{part.quality[name]['primary'].value:.4f}" for name in names)
        table.add_row(segment, f"{part.rows}", f"{part.lists}", *values, _told(part.ahead["popularity"], "+.4f"))
    return table


def _told(interval: Interval, form: str = ".4f") -> str:
    return f"{interval.value:{form}} ({interval.low:{form}} to {interval.high:{form}})"
