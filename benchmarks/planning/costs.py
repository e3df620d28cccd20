"""What one of each costs, every figure with its source: a measurement, or an assumption that says so."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
import numpy as np

from cluster.errors import CascadeError, InvalidField

SHIPPED: Final = Path(__file__).with_name("costs.yaml")
#: Names that `costs` of a file must have.
NAMES: Final = (
    *(
        "scoring",
        "searches_per_feed",
        "post_columns",
        "post_index",
        "release_user",
        "release_post",
        "user",
        "post_counters",
    ),
    *("post_record", "event_memory", "event_id", "event_disk", "event_archive", "event", "log", "store", "replica"),
    *("consumers", "node", "replica_start", "node_start", "hop"),
)
#: Share of the offered rate that a point must have answered, as in `benchmarks.point`.
KEPT_UP: Final = 0.98


class Cost(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    value: float
    unit: str
    basis: Literal["measured", "assumed"]
    source: str


class FeedPoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    feeds_per_s: float
    p99_ms: float


class Feeds(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Rates that a machine of so many cores kept up with, all of Cascade on it."""

    cores: int
    posts: int
    points: list[FeedPoint]
    source: str


class SearchPoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    posts: int
    ms: float
    kind: str


class Searches(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """CPU of one search in the index that a release gets, by the number of posts."""

    dim: int
    points: list[SearchPoint]
    source: str

    def ms(self, posts: float, dim: int) -> float:
        """Interpolated between logarithms; beyond the largest catalogue, and by dimension, proportional."""
        sizes, times = np.array([(point.posts, point.ms) for point in self.points]).T
        beyond = max(1.0, posts / sizes[-1])
        within = float(np.exp(np.interp(np.log(max(posts, 1.0)), np.log(sizes), np.log(times))))
        return float(within * beyond * dim / self.dim)

    def kind(self, posts: float) -> str:
        """That of the smallest catalogue measured with as many posts, or of the largest."""
        return next((point.kind for point in self.points if point.posts >= posts), self.points[-1].kind)


class Costs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    feeds: Feeds
    searches: Searches
    costs: dict[str, Cost]

    def __getitem__(self, name: str) -> float:
        return self.costs[name].value

    def post_bytes(self, dim: int) -> float:
        """Bytes of a post in a replica: two float32 vectors, in the columns and in the index, and all else."""
        return self["post_columns"] + self["post_index"] + 2 * 4 * (dim - self.searches.dim)


def load_costs(files: Sequence[Path] = ()) -> Costs:
    """The shipped costs with those of `files` in their place. Raises CascadeError naming the file and what is wrong."""
    costs = _read_yaml(SHIPPED)
    for file in files:
        costs = _read_yaml(file) if file.suffix in {".yaml", ".yml"} else _with_report(costs, file)
    return costs


def _read_yaml(file: Path) -> Costs:
    try:
        costs = msgspec.yaml.decode(file.read_bytes(), type=Costs)
    except (OSError, msgspec.DecodeError) as error:
        raise _unreadable(file, error) from None
    if missing := sorted(set(NAMES) - set(costs.costs)):
        raise _unreadable(file, f"costs lacks {', '.join(missing)}")
    return _checked(costs, file)


def _checked(costs: Costs, file: Path) -> Costs:
    """Raises InvalidField naming the first figure that cannot be."""
    figures = {name: cost.value for name, cost in costs.costs.items()}
    figures |= {"feeds.cores": costs.feeds.cores, "feeds.posts": costs.feeds.posts, "searches.dim": costs.searches.dim}
    for i, point in enumerate(costs.feeds.points):
        figures |= {f"feeds.points[{i}].feeds_per_s": point.feeds_per_s, f"feeds.points[{i}].p99_ms": point.p99_ms}
    for i, search in enumerate(costs.searches.points):
        figures |= {f"searches.points[{i}].posts": search.posts, f"searches.points[{i}].ms": search.ms}
    for name, value in figures.items():
        if not 0 < value < np.inf:
            raise InvalidField(f"{file.name}: {name}", value, "must be above 0")
    sizes = [point.posts for point in costs.searches.points]
    if not costs.feeds.points or not sizes or sizes != sorted(set(sizes)):
        raise InvalidField(f"{file.name}: points", sizes, "there must be points, those of searches by ascending posts")
    return costs


def _with_report(costs: Costs, file: Path) -> Costs:
    """`costs` with the figures of a benchmark's JSON report."""
    try:
        report: dict[str, Any] = msgspec.json.decode(file.read_bytes())
        name, machine = report["benchmark"], report["machine"]
        said = f"`{machine['command']}`, commit {machine['commit'][:7]}, {machine['cores']} cores ({machine['cpu']})"
        if name not in _REPORTS:
            raise _unreadable(file, f"a plan is made of reports of {', '.join(_REPORTS)}, not of {name}")
        return _checked(_REPORTS[name](costs, report, said), file)
    except (OSError, msgspec.DecodeError, KeyError, TypeError, IndexError) as error:
        raise _unreadable(file, repr(error)) from None


def _of_serve(costs: Costs, report: dict[str, Any], said: str) -> Costs:
    kept = [
        FeedPoint(point["rate"], point["latency_ms"]["p99"])
        for point in sorted(report["points"], key=lambda point: point["rate"])
        if point["valid"] and not point["errors"] and point["achieved"] >= KEPT_UP * point["rate"]
    ]
    feeds = Feeds(report["machine"]["cores"], costs.feeds.posts, kept, said)
    scoring = {"scoring": stages["scoring"]["p50"]} if (stages := report["unloaded"]["stages_ms"]) else {}
    return msgspec.structs.replace(_with(costs, scoring, said), feeds=feeds)


def _of_events(costs: Costs, report: dict[str, Any], said: str) -> Costs:
    held = report["sustained_events_per_s"]
    core_ms = 1e3 * report["machine"]["cores"] / held if held else 0.0
    return _with(costs, {"log": held, "event": core_ms}, said)


def _of_footprint(costs: Costs, report: dict[str, Any], said: str) -> Costs:
    event, post, release = report["event"], report["post"], report["release"]
    catalogues = sorted(report["catalogues"], key=lambda each: each["posts"])
    points = [SearchPoint(each["posts"], each["search_ms"], each["kind"]) for each in catalogues]
    largest = catalogues[-1]
    figures = {
        "post_columns": largest["columns"],
        "post_index": largest["index"],
        "release_user": release["user"],
        "release_post": release["post"],
        "user": report["user"]["stored"],
        "post_counters": post["counters"],
        "post_record": post["record"],
        "event_memory": event["memory"],
        "event_disk": event["appended"],
        "event_archive": event["archived"],
    }
    searches = Searches(largest["dim"], points, said)
    return msgspec.structs.replace(_with(costs, figures, said), searches=searches)


def _with(costs: Costs, figures: dict[str, float], said: str) -> Costs:
    measured = {name: Cost(value, costs.costs[name].unit, "measured", said) for name, value in figures.items()}
    return msgspec.structs.replace(costs, costs={**costs.costs, **measured})


def _unreadable(file: Path, why: object) -> CascadeError:
    return CascadeError(f"costs {file} cannot be used: {why}", f"see {SHIPPED} for a file of costs")


#: By the benchmark that a report is of.
_REPORTS: Final = {"serve": _of_serve, "events": _of_events, "footprint": _of_footprint}
