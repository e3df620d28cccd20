"""On which nodes of a cluster a deployment's replicas run: labels on nodes, and selectors that ask for them.

`ray_cluster.yaml` labels its nodes so. A node without the label takes every role: a laptop, or a cluster of yours.
"""

from enum import StrEnum
from typing import Final

ROLE_LABEL: Final = "cascade.io/role"


class Role(StrEnum):
    """What a node is for."""

    FEED = "feed"  # CPU: the pipeline, whole or without what the others do, and consumers
    RETRIEVAL = "retrieval"  # CPU or GPU: shards of the index
    RANKER = "ranker"  # GPU: the ranking network


def label_selector(role: Role) -> dict[str, str]:
    """The `label_selector` of a deployment's `ray_actor_options`: nodes that are not kept for another role."""
    others = ",".join(other for other in Role if other is not role)
    return {ROLE_LABEL: f"!in({others})"}
