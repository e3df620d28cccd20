"""On which nodes of a cluster a deployment's replicas run: labels on nodes, and selectors that ask for them.

`ray_cluster.yaml` labels its nodes so. A node without the label takes every role: a laptop, or a cluster of yours.
"""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final, NamedTuple, Self

from cluster.errors import CascadeError

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


class Need(NamedTuple):
    """What a deployment asks of the cluster, at least."""

    deployment: str
    role: Role
    replicas: int
    cpus: float  # of each
    gpus: float = 0.0  # of each


class Node(NamedTuple):
    """What a node offers. Without a role it takes all of them."""

    role: str | None
    cpus: float
    gpus: float

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Self:
        """One of `ray.nodes()`."""
        resources = told["Resources"]
        return cls(told.get("Labels", {}).get(ROLE_LABEL), resources.get("CPU", 0.0), resources.get("GPU", 0.0))

    def takes(self, need: Need) -> bool:
        """Whether there is room for a replica."""
        return self.role in (None, need.role) and self.cpus >= need.cpus and self.gpus >= need.gpus

    def without(self, need: Need) -> Self:
        return self._replace(cpus=self.cpus - need.cpus, gpus=self.gpus - need.gpus)


def refuse_unplaceable(needs: Iterable[Need], nodes: Sequence[Node]) -> None:
    """Raises CascadeError naming the deployment for which the cluster has no room.

    Replicas are put one after the other, those that ask for most first, on the node that they fill best.
    """
    left = list(nodes)
    for need in sorted(needs, key=lambda need: (-need.gpus, -need.cpus)):
        for placed in range(need.replicas):
            fitting = [n for n, node in enumerate(left) if node.takes(need)]
            if not fitting:
                raise _unplaceable(need, placed, nodes)
            # Nodes of its own first, then the fullest: what is left is left for those that come later.
            best = min(fitting, key=lambda n: (left[n].role is None, left[n].gpus, left[n].cpus))
            left[best] = left[best].without(need)


def _unplaceable(need: Need, placed: int, nodes: Sequence[Node]) -> CascadeError:
    asked = f"{need.cpus:g} CPU" + (f" and {need.gpus:g} GPU" if need.gpus else "")
    there = ", ".join(f"{node.role or 'any role'}: {node.cpus:g} CPU, {node.gpus:g} GPU" for node in nodes)
    return CascadeError(
        f"the cluster cannot place {need.deployment}: there is room for {placed} of {need.replicas} replicas with"
        f" {asked} each on nodes for role {need.role.value}; nodes are {there or 'none'}",
        f"add nodes with the label {ROLE_LABEL}={need.role.value} or without one, ask for fewer replicas,"
        " or set serving.topology to fused"
        + (", or ranker.device and catalogue.index_device to cpu" if need.gpus else ""),
    )
