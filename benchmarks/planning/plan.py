"""A plan from what is asked: sizes of a region, and days of its feed servers."""

from dataclasses import dataclass, replace

from benchmarks.planning.assumptions import assumptions, gaps
from benchmarks.planning.autoscaling import Rules
from benchmarks.planning.costs import Costs
from benchmarks.planning.day import F64, Curve
from benchmarks.planning.demand import Demand, Goals, NodeShape
from benchmarks.planning.pool import Machines
from benchmarks.planning.report import Alternative, PlanReport, Simulated
from benchmarks.planning.simulation import Service, fitting, simulate
from benchmarks.planning.sizing import Sizing, alternatives
from cluster.serving import Serving

MONTH_H = 30 * 24
#: Advised `downscaling_factor`: a server with half the load has far less than half the requests, so that the rule as
#: it is takes too many away, and then starts too many.
CAREFUL = 0.3


@dataclass(frozen=True, slots=True)
class Asked:
    demand: Demand
    goals: Goals
    node: NodeShape
    curve: Curve
    crowd: float
    """Times as many feeds for a quarter of an hour; 1: no crowd."""
    serving: Serving


def make_plan(asked: Asked, costs: Costs) -> PlanReport:
    """Raises InvalidField for what cannot be."""
    demand, goals, node = asked.demand, asked.goals, asked.node
    found = alternatives(demand, goals, node, costs)
    region = min(found, key=lambda sizing: sizing.nodes)
    service, rules = _service(region, asked, costs), _rules(region, asked.serving)
    target = float(f"{region.feeds.queue.ongoing(region.feeds.load * goals.utilisation):.2g}")
    advised = replace(rules, target_ongoing_requests=target, downscaling_factor=CAREFUL)
    return PlanReport(
        benchmark="plan",
        demand=demand,
        goals=goals,
        node=node,
        feeds_per_s=demand.feeds_mean * demand.regions,
        feeds_per_s_peak=demand.feeds_peak,
        events_per_s_peak=demand.events_peak,
        nodes=region.nodes * demand.regions,
        price_month=None if node.price is None else region.nodes * demand.regions * node.price * MONTH_H,
        region=region,
        scoring_ms=costs["scoring"],
        alternatives=_best(found),
        advised_target=target,
        advised_factor=CAREFUL,
        days=_days(asked, region, service, {"settings": rules, "advised": advised}),
        assumptions=assumptions(demand, goals, node, costs, asked.curve, service, rules),
        missing=gaps(demand, goals, region, costs),
    )


def _service(region: Sizing, asked: Asked, costs: Costs) -> Service:
    return Service(
        queue=region.feeds.queue,
        machines=Machines(region.feeds.servers.per_node, costs["replica_start"], costs["node_start"]),
        max_ongoing=asked.serving.max_ongoing_requests,
        limit=asked.goals.p99_ms / 1e3,
    )


def _rules(region: Sizing, serving: Serving) -> Rules:
    """Those of the settings, with as many replicas at most as the nodes hold."""
    servers = region.feeds.servers
    most = max(serving.min_replicas, servers.nodes * servers.per_node)
    return Rules(
        serving.min_replicas, most, serving.target_ongoing_requests, downscaling_factor=serving.downscaling_factor
    )


def _best(found: list[Sizing]) -> list[Alternative]:
    """Of each topology the one that needs the fewest nodes."""
    best: dict[str, Alternative] = {}
    for sizing in found:
        shards = sizing.retrieval.shards if sizing.retrieval else 0
        if sizing.topology not in best or sizing.nodes < best[sizing.topology].nodes:
            best[sizing.topology] = Alternative(sizing.topology, shards, sizing.nodes)
    return list(best.values())


def _days(asked: Asked, region: Sizing, service: Service, rules: dict[str, Rules]) -> list[Simulated]:
    """As many replicas all day as the peak needs, and by each of the rules, without a crowd and with it."""
    servers = region.feeds.servers
    static = servers.replicas * 24
    days = []
    for crowd in sorted({1.0, asked.crowd}):
        feeds: F64 = asked.curve.feeds(asked.demand.feeds_mean, crowd)
        ending = f", crowd x {crowd:g}" if crowd > 1 else ""
        runs = {"none": simulate(feeds, service, None, servers.replicas)}
        for name, each in rules.items():
            runs[name] = simulate(feeds, service, each, fitting(feeds[0], service.queue, each))
        days += [
            Simulated(name + ending, day.late / day.offered, day.refused / day.offered, day.replica_hours / static, day)
            for name, day in runs.items()
        ]
    return days
