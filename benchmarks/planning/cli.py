"""`cascade plan`: what a deployment needs, from measured costs, and a day of its autoscaling."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from benchmarks.planning.costs import load_costs
from benchmarks.planning.day import evening, read_curve
from benchmarks.planning.demand import Demand, Goals, NodeShape
from benchmarks.telling import tell
from cluster.settings import load_settings

#: People whom models know by id unless more are asked for: tables of theirs are on every node.
MODEL_USERS = 1e7


def plan(
    *,
    dau: float,
    posts: float,
    users: float | None = None,
    model_users: float | None = None,
    dim: int = 64,
    feeds_per_user_day: float = 20.0,
    events_per_feed: float = 12.0,
    peak_factor: float = 2.0,
    load: Path | None = None,
    flash_crowd: float = 1.0,
    regions: int = 1,
    zones: int = 3,
    p99_ms: float = 200.0,
    utilisation: float = 0.7,
    copies: int = 2,
    store_gib: float = 32.0,
    retention_hours: float | None = None,
    node_cpus: int = 64,
    node_memory_gib: float = 512.0,
    node_price: float | None = None,
    gpu_feeds_per_s: float | None = None,
    costs: tuple[Path, ...] = (),
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
    out: Path | None = None,
) -> None:
    """Nodes, memory, shards and replicas that a deployment needs, from measured costs, and a day of its autoscaling.

    Every figure is printed with where it comes from. The last line is one JSON document. See docs/capacity.md.

    Parameters
    ----------
    dau
        People who ask for feeds on a day, as 500e6.
    posts
        Posts that feeds may hold, as 1e6.
    users
        People whose state is kept; by default those of a day.
    model_users
        People whom the models know by id; by default all, at most ten million.
    dim
        Dimensions of the vectors that are searched.
    feeds_per_user_day
        Feeds that a person asks for on a day.
    events_per_feed
        Events that follow a feed: impressions, views and actions.
    peak_factor
        Load at the evening's peak over the mean of the day.
    load
        CSV file with columns hour and load, in place of an evening's peak.
    flash_crowd
        Times as many feeds for a quarter of an hour from the peak on, in a second simulation.
    regions
        Regions that share the people equally and hold all posts.
    zones
        Availability zones of a region, one of which may be lost; with 1, a node.
    p99_ms
        The objective: p99 latency of feeds.
    utilisation
        Share of the load at which p99 is just kept that is used at the peak.
    copies
        Copies of what stores hold.
    store_gib
        Most data in one Valkey.
    retention_hours
        How long events stay in the event store; by default as in the settings.
    node_cpus
        Cores of a node.
    node_memory_gib
        Memory of a node.
    node_price
        Price of a node for an hour.
    gpu_feeds_per_s
        Feeds a second that one GPU of yours ranks, measured by you; by default feed servers rank.
    costs
        Reports of `cascade bench serve`, `events` and `footprint` made on your machine, or YAML files of costs.
    as_json
        Print the JSON document only.
    out
        File that gets the document too.
    """
    from benchmarks.planning.plan import Asked, make_plan  # loads Ray, which `--help` does without
    from benchmarks.planning.report import tables

    settings = load_settings()
    known = load_costs(costs)
    curve = evening(peak_factor) if load is None else read_curve(load)
    kept = dau if users is None else users
    demand = Demand(
        dau=dau,
        users=kept,
        model_users=min(kept, MODEL_USERS) if model_users is None else model_users,
        posts=posts,
        dim=dim,
        feeds_per_user_day=feeds_per_user_day,
        events_per_feed=events_per_feed,
        peak_factor=curve.peak,
        regions=regions,
    )
    goals = Goals(
        p99_ms=p99_ms,
        utilisation=utilisation,
        zones=zones,
        copies=copies,
        store_gib=store_gib,
        retention_hours=settings.events.retention_s / 3600 if retention_hours is None else retention_hours,
        explain_gib=settings.explain.memory_mb * 1e6 / 2**30,
    )
    node = NodeShape(node_cpus, node_memory_gib, node_price, gpu_feeds_per_s)
    report = make_plan(Asked(demand, goals, node, curve, flash_crowd, settings.serving), known)
    tell(report, None if as_json else tables(report), out)
