"""The plan: one document for machines, tables for people."""

from collections.abc import Iterator

import msgspec
from rich.console import Group
from rich.table import Table
from rich.text import Text

from benchmarks.planning.assumptions import Assumption
from benchmarks.planning.demand import Demand, Goals, NodeShape
from benchmarks.planning.simulation import Day
from benchmarks.planning.sizing import Servers, Sizing

BARS = "▁▂▃▄▅▆▇█"


class Alternative(msgspec.Struct, frozen=True):
    """A topology, and the nodes of one region with it."""

    topology: str
    shards: int
    nodes: int


class Simulated(msgspec.Struct, frozen=True):
    """A day of one region's feed servers."""

    name: str
    late: float
    """Share of all feeds."""
    refused: float
    of_static: float
    """Replica hours over those of as many as the peak needs all day."""
    day: Day


class PlanReport(msgspec.Struct, frozen=True):
    benchmark: str
    demand: Demand
    goals: Goals
    node: NodeShape
    feeds_per_s: float
    """Of all regions, mean of the day."""
    feeds_per_s_peak: float
    """Of one region."""
    events_per_s_peak: float
    nodes: int
    """Of all regions."""
    price_month: float | None
    """30 days of all nodes, as if none had a GPU."""
    region: Sizing
    scoring_ms: float
    """Of a core, in each feed that a feed server ranks."""
    alternatives: list[Alternative]
    advised_target: float
    """Ray Serve's `target_ongoing_requests` that keeps the utilisation."""
    advised_factor: float
    """Ray Serve's `downscaling_factor`."""
    days: list[Simulated]
    assumptions: list[Assumption]
    missing: list[str]


def tables(report: PlanReport) -> Group:
    """What is needed, the day, and what all of it rests on."""
    missing = [Text("Not built or tried yet, and needed for this:", style="bold")] if report.missing else []
    return Group(
        _needs(report),
        _topologies(report),
        _days(report),
        _assumptions(report),
        *missing,
        *(Text(f"  {line}") for line in report.missing),
    )


def _table(title: str, left: int, *headings: str) -> Table:
    """The first `left` columns hold text."""
    result = Table(title=title, title_justify="left", box=None, padding=(0, 1))
    for i, heading in enumerate(headings):
        result.add_column(heading, justify="left" if i < left else "right")
    return result


def _needs(report: PlanReport) -> Table:
    demand, region = report.demand, report.region
    regions = f" in {demand.regions} regions" if demand.regions > 1 else ""
    title = "\n".join(
        [
            f"{demand.dau:,.0f} people a day{regions}, {demand.posts:,.0f} posts",
            f"{report.feeds_per_s:,.0f} feeds/s on average; at the peak of a region",
            f"{report.feeds_per_s_peak:,.0f} feeds/s and {report.events_per_s_peak:,.0f} events/s",
        ]
    )
    table = _table(title, 1, "in one region", "how many", "GiB of one", "on a node", "nodes")
    for name, count, gib, per_node, nodes in _tiers(region):
        table.add_row(name, count, gib, per_node, nodes)
    without = " without GPUs" if region.rankers else ""
    price = "" if report.price_month is None else f", {report.price_month:,.0f} for 30 days{without}"
    every = f" in all regions, {region.nodes:,} in each" if demand.regions > 1 else ""
    shape = f"{report.nodes:,} nodes{every}, of {report.node.cpus} cores and {report.node.memory_gib:g} GiB{price}"
    table.caption = "\n".join([shape, *_about(report)])
    table.caption_justify = "left"
    return table


def _tiers(region: Sizing) -> Iterator[tuple[str, ...]]:
    """Rows: what, how many, GiB of one, how many a node, nodes."""
    stores = region.stores
    yield f"feed servers, {region.topology}", *_servers(region.feeds.servers)
    if region.retrieval:
        yield f"replicas of {region.retrieval.shards:,} retrieval shards", *_servers(region.retrieval.servers)
    if region.rankers:
        yield "rankers, a GPU each", *_servers(region.rankers)
    yield (
        "shards of the state store",
        f"{stores.state_shards:,}",
        f"{stores.state_gib / stores.state_shards:,.2f}",
        "",
        "",
    )
    yield "event logs with their consumers", f"{stores.logs:,}", f"{stores.events_gib / stores.logs:,.2f}", "", ""
    yield "for both, all copies", "", f"{stores.memory_gib:,.0f} in all", "", f"{stores.nodes:,}"


def _about(report: PlanReport) -> Iterator[str]:
    region = report.region
    feeds, stores = region.feeds, region.stores
    ranking = "" if region.rankers else f", {report.scoring_ms:.3g} of them to rank"
    yield f"a feed takes {feeds.queue.service * 1e3:.3g} ms of a core{ranking}"
    yield f"feed servers keep p99 up to {feeds.load:.0%} busy"
    if retrieval := region.retrieval:
        posts = f"{retrieval.posts_per_shard:,} posts a shard"
        yield f"{posts}, {retrieval.kind}: {retrieval.search_ms:.3g} ms of a core a search in each"
    yield f"event logs: {stores.disk_gib:,.0f} GiB of disk, {stores.disk_mb_s:,.1f} MB/s appended at the peak"
    yield f"archive: {stores.archive_gib_day:,.1f} GiB a day; stores and consumers: {stores.cores:,} cores"


def _servers(servers: Servers) -> tuple[str, str, str, str]:
    return f"{servers.replicas:,}", f"{servers.gib:,.2f}", str(servers.per_node), f"{servers.nodes:,}"


def _topologies(report: PlanReport) -> Table:
    table = _table("What it could be", 1, "topology", "shards", "nodes in a region")
    for each in report.alternatives:
        table.add_row(each.topology, str(each.shards) if each.shards else "", f"{each.nodes:,}")
    return table


def _days(report: PlanReport) -> Table:
    headings = ("late", "refused", "most", "replica hours", "of static", "most nodes")
    table = _table("A day of a region's feed servers", 1, "autoscaling", *headings)
    for each in report.days:
        day = each.day
        table.add_row(
            each.name,
            f"{each.late:.2%}",
            f"{each.refused:.2%}",
            f"{day.most_replicas:,}",
            f"{day.replica_hours:,.0f}",
            f"{each.of_static:.0%}",
            f"{day.most_nodes:,}",
        )
    advised = f"target_ongoing_requests {report.advised_target:g}, downscaling_factor {report.advised_factor:g}"
    hours = [f"{bars(each.day.replicas)} {each.name}" for each in report.days]
    table.caption = "\n".join(
        [f"late: beyond {report.goals.p99_ms:g} ms; advised: {advised}", "replicas by hour:", *hours]
    )
    table.caption_justify = "left"
    return table


def bars(values: list[float]) -> str:
    """A bar for each value, 0 to the largest."""
    top = max(values, default=0.0) or 1.0
    return "".join(BARS[min(len(BARS) - 1, int(value / top * len(BARS)))] for value in values)


def _assumptions(report: PlanReport) -> Group:
    """Benchmarks, from which many figures come, are named once below."""
    sources = list(dict.fromkeys(each.source for each in report.assumptions if each.source.startswith("`")))
    table = _table("What this rests on", 4, "figure", "value", "basis", "from")
    for each in report.assumptions:
        source = f"({sources.index(each.source) + 1})" if each.source in sources else each.source
        table.add_row(each.name, each.value, each.basis, source)
    return Group(table, *(Text(f"({number}) {source}") for number, source in enumerate(sources, start=1)))
