"""What tests of planning ask for."""

from typing import Any

from benchmarks.planning.demand import Demand, Goals, NodeShape

NODE = NodeShape(cpus=64, memory_gib=512.0, price=None)


def demand(dau: float = 1e6, **fields: Any) -> Demand:
    told = {"users": dau, "model_users": 0.0, "posts": 1e5, "dim": 64, "feeds_per_user_day": 20.0}
    return Demand(**{"dau": dau, **told, "events_per_feed": 12.0, "peak_factor": 2.0, "regions": 1, **fields})


def goals(**fields: Any) -> Goals:
    told = {"p99_ms": 200.0, "utilisation": 0.7, "zones": 3, "copies": 2, "store_gib": 32.0}
    return Goals(**{**told, "retention_hours": 24.0, "explain_gib": 0.5, **fields})
