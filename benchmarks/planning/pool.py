"""Replicas and nodes that come and go."""

from bisect import bisect_right
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Machines:
    """How replicas and nodes are started."""

    per_node: int
    """Replicas."""
    replica_start_s: float
    node_start_s: float
    node_idle_s: float = 300.0
    """How long a node without replicas is kept: `idle_timeout_minutes` of ray_cluster.yaml."""


class Pool:
    """Replicas on nodes that hold `machines.per_node` of them each, the first nodes first. The last come go first."""

    def __init__(self, machines: Machines, replicas: int) -> None:
        """`replicas` that run, and their nodes, from the beginning of time."""
        self._machines = machines
        self._answers = [float("-inf")] * replicas  # when each replica begins to answer, ascending
        self._up = [float("-inf")] * self._needed(replicas)  # when each node is up, ascending
        self._idle: list[float] = []  # since when the last ones of the nodes hold nothing, the last node first

    @property
    def target(self) -> int:
        """Replicas, those that are starting too."""
        return len(self._answers)

    @property
    def nodes(self) -> int:
        """Nodes that are paid for."""
        return len(self._up)

    def running(self, now: float) -> int:
        """Replicas that answer."""
        return bisect_right(self._answers, now)

    def newest(self, now: float) -> float:
        """Since when the newest of them does."""
        return self._answers[self.running(now) - 1]

    def scale(self, target: int, now: float) -> None:
        """Start or stop replicas until there are `target`, and nodes as they need them."""
        del self._answers[target:]
        for replica in range(len(self._answers), target):
            node = replica // self._machines.per_node
            if node == len(self._up):
                self._up.append(now + self._machines.node_start_s)
            self._answers.append(max(now, self._up[node]) + self._machines.replica_start_s)
        self._release(now)

    def _release(self, now: float) -> None:
        """Give nodes back that have been idle for long enough."""
        idle = len(self._up) - self._needed(len(self._answers))
        self._idle = self._idle[:idle] if idle > 0 else []
        self._idle += [now] * (idle - len(self._idle))
        while self._idle and now - self._idle[0] >= self._machines.node_idle_s:
            self._idle.pop(0)
            self._up.pop()

    def _needed(self, replicas: int) -> int:
        return -(-replicas // self._machines.per_node)
