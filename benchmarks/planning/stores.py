"""State store, event logs and consumers of one region."""

import math
from dataclasses import dataclass
from typing import Final

from benchmarks.planning.costs import Costs
from benchmarks.planning.demand import Demand, Goals

GIB: Final = 2.0**30
#: Share of a Valkey's memory that data fills: the rest is for fragments, buffers and copies on write.
FILL: Final = 0.7
#: An append-only file is rewritten into a second one.
FILES: Final = 2
#: An event's user is read and written.
TRIPS: Final = 2


@dataclass(frozen=True, slots=True)
class Stores:
    state_gib: float
    """Data, one copy."""
    state_shards: int
    events_gib: float
    """Data in memory, one copy: a window of events, and posts."""
    logs: int
    """Event logs, each with its consumers."""
    memory_gib: float
    """Of all copies and consumers, with room."""
    disk_gib: float
    """Append-only files of the event logs, all copies."""
    disk_mb_s: float
    """Appended at the peak, one copy."""
    archive_gib_day: float
    cores: int
    """Of Valkeys and consumers."""
    nodes: int


def size_stores(
    demand: Demand, goals: Goals, costs: Costs, feed_servers: int, node_cpus: int, node_gib: float
) -> Stores:
    """Shards by memory and by rate; nodes of so many cores, and so much memory for it, with room for a lost one."""
    window_s = goals.retention_hours * 3600
    state_gib = (
        demand.users / demand.regions * costs["user"] + demand.posts * costs["post_counters"]
    ) / GIB + feed_servers * goals.explain_gib
    reads = demand.feeds_peak + TRIPS * demand.events_peak
    state_shards = max(math.ceil(state_gib / goals.store_gib), math.ceil(reads / costs["store"] / goals.utilisation), 1)
    kept = demand.events_mean * (window_s * costs["event_memory"] + 2 * 86_400 * costs["event_id"])
    events_gib = (kept + demand.posts * costs["post_record"]) / GIB
    logs = max(
        math.ceil(events_gib / goals.store_gib), math.ceil(demand.events_peak / costs["log"] / goals.utilisation), 1
    )
    appended = demand.events_mean * window_s * costs["event_disk"] + demand.posts * costs["post_record"]
    valkeys = (state_shards + logs) * goals.copies
    consumers = demand.events_peak * costs["event"] / 1e3 / goals.utilisation
    cores = valkeys + max(1, math.ceil(consumers))
    memory_gib = (state_gib + events_gib) * goals.copies / FILL + logs * costs["consumers"]
    return Stores(
        state_gib=state_gib,
        state_shards=state_shards,
        events_gib=events_gib,
        logs=logs,
        memory_gib=memory_gib,
        disk_gib=appended * FILES * goals.copies / GIB,
        disk_mb_s=demand.events_peak * costs["event_disk"] / 1e6,
        archive_gib_day=demand.events_mean * 86_400 * costs["event_archive"] / GIB,
        cores=cores,
        nodes=max(2, math.ceil(cores / node_cpus), math.ceil(memory_gib / node_gib)) + 1,
    )
