"""What a plan rests on, each with its source, and what it needs that Cascade does not have yet."""

from typing import Final

import msgspec

from benchmarks.planning.autoscaling import Rules
from benchmarks.planning.costs import Costs
from benchmarks.planning.day import Curve
from benchmarks.planning.demand import Demand, Goals, NodeShape
from benchmarks.planning.simulation import Service
from benchmarks.planning.sizing import SEARCH_SHARE, SHARD_REPLICAS, SPARE_MEMORY, VERSIONS, Sizing
from benchmarks.planning.stores import FILES, FILL


class Assumption(msgspec.Struct, frozen=True):
    name: str
    value: str
    basis: str
    """`measured`, `asked` (an option, or its default), `settings` (of Cascade), `assumed`."""
    source: str


#: What no option changes.
FIXED: Final = (
    Assumption("more cores, more of everything", "in proportion", "assumed", "only 2 cores have been measured"),
    Assumption("a feed server", "1 core", "measured", "its event loop computes: docs/decisions.md, 2026-11-21"),
    Assumption("posts in a replica", f"{VERSIONS} x", "assumed", "a new release is loaded beside the old one"),
    Assumption("memory of a node left free", f"{SPARE_MEMORY:.0%}", "assumed", "for the system"),
    Assumption("memory of a store that data fills", f"{FILL:.0%}", "assumed", "fragments, buffers, copies on write"),
    Assumption("append-only files", f"{FILES} x", "assumed", "one is rewritten while the other is kept"),
    Assumption(
        "time for the searches of a shard", f"{SEARCH_SHARE:.0%} of p99", "assumed", "a quarter of the deadline"
    ),
    Assumption("replicas of a shard", f"at least {SHARD_REPLICAS}", "assumed", "one may be lost"),
    Assumption("regions", "equal, apart", "assumed", "each has its own people, all posts, and its own evening"),
    Assumption("waits", "exponential", "assumed", "heavy traffic (Kingman 1961), fitted to the measured p99"),
)


def assumptions(
    demand: Demand, goals: Goals, shape: NodeShape, costs: Costs, curve: Curve, service: Service, rules: Rules
) -> list[Assumption]:
    """All of them."""
    return [
        *_asked(demand, goals, shape, curve),
        *_of_settings(service, rules, goals),
        *_measured(costs),
        *FIXED,
    ]


def _asked(demand: Demand, goals: Goals, shape: NodeShape, curve: Curve) -> list[Assumption]:
    values = {
        "dau": f"{demand.dau:,.0f}",
        "users": f"{demand.users:,.0f} have state",
        "model-users": f"{demand.model_users:,.0f} have rows in the models",
        "posts": f"{demand.posts:,.0f}",
        "dim": str(demand.dim),
        "feeds-per-user-day": f"{demand.feeds_per_user_day:g}",
        "events-per-feed": f"{demand.events_per_feed:g}",
        "peak-factor, load": curve.told,
        "regions": str(demand.regions),
        "p99-ms": f"{goals.p99_ms:g}",
        "utilisation": f"{goals.utilisation:g} at the peak; 1 when a zone is lost",
        "zones": str(goals.zones),
        "copies": f"{goals.copies} of stores",
        "store-gib": f"{goals.store_gib:g} of data in a Valkey at most",
        "gpu-feeds-per-s": "no GPUs" if shape.gpu_feeds_per_s is None else f"{shape.gpu_feeds_per_s:g} ranked by a GPU",
        "node-cpus, node-memory-gib": f"{shape.cpus} cores, {shape.memory_gib:g} GiB",
    }
    return [Assumption(f"--{name}", value, "asked", "option") for name, value in values.items()]


def _of_settings(service: Service, rules: Rules, goals: Goals) -> list[Assumption]:
    scaling = (
        f"{rules.upscale_delay_s:g} s up, {rules.downscale_delay_s:g} s down, mean of {rules.look_back_period_s:g} s"
    )
    return [
        Assumption("target of ongoing requests", f"{rules.target_ongoing_requests:g}", "settings", "serving"),
        Assumption("downscaling factor", f"{rules.downscaling_factor:g}", "settings", "serving"),
        Assumption("most ongoing requests", str(service.max_ongoing), "settings", "serving"),
        Assumption("delays of autoscaling", scaling, "settings", "deployments/feed_server.py, Ray's look-back"),
        Assumption("idle nodes are kept", f"{service.machines.node_idle_s:g} s", "settings", "ray_cluster.yaml"),
        Assumption("events stay", f"{goals.retention_hours:g} h", "settings", "events.retention_s"),
        Assumption("records of requests", f"{goals.explain_gib:.3g} GiB a replica", "settings", "explain.memory_mb"),
    ]


def _measured(costs: Costs) -> list[Assumption]:
    points = ", ".join(f"{p.feeds_per_s:g} feeds/s at p99 {p.p99_ms:g} ms" for p in costs.feeds.points)
    searches = ", ".join(f"{p.ms:.3g} ms of {p.posts:,} ({p.kind})" for p in costs.searches.points)
    return [
        Assumption(f"feeds of {costs.feeds.cores} cores", points, "measured", costs.feeds.source),
        Assumption(f"searches, {costs.searches.dim} dimensions", searches, "measured", costs.searches.source),
        *(
            Assumption(name.replace("_", " "), f"{cost.value:g} {cost.unit}", cost.basis, cost.source)
            for name, cost in costs.costs.items()
        ),
    ]


def gaps(demand: Demand, goals: Goals, sizing: Sizing, costs: Costs) -> list[str]:
    """What the plan needs that has not been built or tried."""
    told, stores, retrieval = [], sizing.stores, sizing.retrieval
    if retrieval:
        told.append(f"retrieval in {retrieval.shards} shards: 2 on one machine were measured")
    if sizing.rankers:
        told.append(f"{sizing.rankers.replicas} rankers on GPUs: none has been measured in a deployment")
    if stores.state_shards > 1:
        told.append(f"a state store in {stores.state_shards} shards: `store_url` names one Valkey")
    if stores.logs > 1:
        told.append(f"{stores.logs} event logs: `events_url` names one, and its consumers are one process each")
    if goals.copies > 1:
        told.append(f"{goals.copies} copies of stores: `cascade up` starts one of each, and follows no failover")
    if sizing.nodes > 1:
        told.append(f"{sizing.feeds.servers.replicas} feed servers on several nodes: 2 on one node were measured")
    largest = costs.searches.points[-1].posts
    if max(demand.posts if not retrieval else retrieval.posts_per_shard, largest) > largest:
        told.append(f"searches of more than {largest:,} posts: taken in proportion")
    return told
