"""A day of a deployment: load comes, replicas answer it, and the autoscaler follows, second by second."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.planning.autoscaling import Autoscaler, Rules
from benchmarks.planning.pool import Machines, Pool
from benchmarks.planning.queueing import Queue

F64 = NDArray[np.float64]
HOUR_S = 3600


@dataclass(frozen=True, slots=True)
class Service:
    """What feed servers are, and what is asked of them."""

    queue: Queue
    machines: Machines
    max_ongoing: int
    """Feeds in one server; more are refused."""
    limit: float
    """Seconds after which an answer is late."""


@dataclass(frozen=True, slots=True)
class Day:
    """What became of the feeds that were asked for: offered = answered + refused + left."""

    offered: float
    answered: float
    late: float
    """Of those that were answered."""
    refused: float
    left: float
    """In the servers at the end."""
    replica_hours: float
    node_hours: float
    most_replicas: int
    most_nodes: int
    replicas: list[float]
    """Running, mean of each hour."""


def simulate(feeds: F64, service: Service, rules: Rules | None, replicas: int) -> Day:
    """`feeds` [seconds] a second, `replicas` to begin with; without `rules` there are always as many."""
    queue, pool = service.queue, Pool(service.machines, replicas)
    scaler = Autoscaler(rules) if rules else None
    watch = Watch(len(feeds), rules.look_back_period_s if rules else 0.0)
    ongoing = answered = late = refused = 0.0
    running, nodes = np.zeros(len(feeds)), np.zeros(len(feeds))
    for now, arrivals in enumerate(feeds.tolist()):
        servers = pool.running(now)
        left, done = queue.step(ongoing / servers, arrivals / servers, 1.0)
        over = max(0.0, left - service.max_ongoing)
        ongoing = (left - over) * servers
        answered += done * servers
        refused += over * servers
        late += done * servers * queue.late(left - over, service.limit)
        running[now], nodes[now] = servers, pool.nodes
        watch.note(now, left - over)
        if scaler:
            told = servers * watch.mean(now, pool.newest(now))
            pool.scale(scaler.target(now, servers, pool.target, told), now)
    return Day(
        offered=float(feeds.sum()),
        answered=answered,
        late=late,
        refused=refused,
        left=ongoing,
        replica_hours=float(running.sum() / HOUR_S),
        node_hours=float(nodes.sum() / HOUR_S),
        most_replicas=int(running.max()),
        most_nodes=int(nodes.max()),
        replicas=[round(float(part.mean()), 1) for part in np.array_split(running, max(1, len(feeds) // HOUR_S))],
    )


def fitting(feeds_per_s: float, queue: Queue, rules: Rules) -> int:
    """Replicas at which the autoscaler is content with a steady load."""
    need = math.ceil(feeds_per_s * queue.service / queue.load(rules.target_ongoing_requests))
    return max(rules.min_replicas, min(rules.max_replicas, need), 1)


class Watch:
    """What one server's ongoing feeds were on average over the look-back."""

    def __init__(self, seconds: int, look_back: float) -> None:
        self._sums = np.zeros(seconds + 1)
        self._look_back = look_back

    def note(self, now: int, ongoing: float) -> None:
        self._sums[now + 1] = self._sums[now] + ongoing

    def mean(self, now: int, newest: float) -> float:
        """Up to `now`, from when the newest server was there on."""
        begin = int(max(0.0, now + 1 - self._look_back, min(newest, now)))
        return float(self._sums[now + 1] - self._sums[begin]) / (now + 1 - begin)
