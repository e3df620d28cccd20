"""From demand and costs to replicas, shards, memory and nodes of one region."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from benchmarks.planning.costs import Costs
from benchmarks.planning.demand import Demand, Goals, NodeShape
from benchmarks.planning.queueing import Queue, check_p99
from benchmarks.planning.stores import Stores, size_stores
from cluster.errors import InvalidField

GIB: Final = 2.0**30
#: Share of a node's memory that is left to the system.
SPARE_MEMORY: Final = 0.1
#: While a release is exchanged, or the index built anew, the old and the new one are both in memory.
VERSIONS: Final = 2
#: Share of p99 that the searches of one shard may take.
SEARCH_SHARE: Final = 0.25
#: Replicas that each shard has at least, so that one may be lost.
SHARD_REPLICAS: Final = 2


@dataclass(frozen=True, slots=True)
class Servers:
    """Replicas of one deployment, one core each."""

    replicas: int
    """At the peak, at the utilisation that was asked for."""
    gib: float
    """Memory of one replica."""
    shared_gib: float
    """Memory-mapped by all replicas of a node."""
    per_node: int
    nodes: int


@dataclass(frozen=True, slots=True)
class Feeds:
    servers: Servers
    queue: Queue
    load: float
    """Highest load of a server at which p99 is kept."""


@dataclass(frozen=True, slots=True)
class Retrieval:
    servers: Servers
    shards: int
    posts_per_shard: int
    kind: str
    """Of index."""
    search_ms: float
    """Of one search in one shard."""


@dataclass(frozen=True, slots=True)
class Sizing:
    """Of one region."""

    topology: str
    feeds: Feeds
    retrieval: Retrieval | None
    rankers: Servers | None
    """On a GPU each; None: feed servers rank."""
    stores: Stores

    @property
    def nodes(self) -> int:
        retrieval, rankers = self.retrieval, self.rankers
        others = (retrieval.servers.nodes if retrieval else 0) + (rankers.nodes if rankers else 0)
        return self.feeds.servers.nodes + others + self.stores.nodes


class CannotFit(InvalidField):
    """A node that is too small, or a deadline too short, for what one process must do."""


def size(demand: Demand, goals: Goals, shape: NodeShape, costs: Costs) -> Sizing:
    """The topology that needs fewer nodes. Raises InvalidField where neither can be."""
    return min(alternatives(demand, goals, shape, costs), key=lambda sizing: sizing.nodes)


def alternatives(demand: Demand, goals: Goals, shape: NodeShape, costs: Costs) -> list[Sizing]:
    """`fused`, and `distributed` with fewer and fewer shard replicas a node, as far as they can be.

    Raises InvalidField where none can.
    """
    check_p99(costs.feeds, goals.p99_ms)
    sizer = _Sizer(demand, goals, shape, costs)
    found, faults = [], []
    tries: list[Callable[[], Sizing]] = [
        sizer.fused,
        *(partial(sizer.distributed, count) for count in _halvings(shape.cpus)),
    ]
    for topology in tries:
        try:
            found.append(topology())
        except CannotFit as error:
            faults.append(error)
    if not found:
        raise faults[-1]
    return found


@dataclass(frozen=True, slots=True)
class _Sizer:
    demand: Demand
    goals: Goals
    shape: NodeShape
    costs: Costs

    def fused(self) -> Sizing:
        """Every feed server holds all posts. Raises CannotFit."""
        demand, costs = self.demand, self.costs
        posts_gib = demand.posts * costs.post_bytes(demand.dim) / GIB
        shared_gib = (demand.posts * costs["release_post"] + demand.model_users * costs["release_user"]) / GIB
        searches = costs["searches_per_feed"] * costs.searches.ms(demand.posts, demand.dim)
        feeds = self._feeds(searches - self._measured_searches(), costs["replica"] + VERSIONS * posts_gib, shared_gib)
        return Sizing("fused", feeds, None, self._rankers(), self._stores(feeds))

    def distributed(self, per_node: int) -> Sizing:
        """Shards hold the posts, so many of their replicas a node, and feed servers ask all. Raises CannotFit."""
        demand, costs = self.demand, self.costs
        shards = math.ceil(demand.posts / self._shard_posts(per_node))
        posts = demand.posts / shards
        search_ms = costs.searches.ms(posts, demand.dim)
        hop_ms = costs["hop"] / 2  # on each side
        shared_gib = demand.model_users * costs["release_user"] / GIB
        feeds = self._feeds(shards * hop_ms - self._measured_searches(), costs["replica"], shared_gib)
        cores = demand.feeds_peak * (costs["searches_per_feed"] * search_ms + hop_ms) / 1e3 / feeds.load
        gib = costs["replica"] + posts * self._shard_post_bytes() / GIB
        replicas = shards * max(SHARD_REPLICAS, math.ceil(cores / self.goals.utilisation))
        servers = self._servers(replicas, shards * cores, gib, 0.0)
        retrieval = Retrieval(servers, shards, math.ceil(posts), costs.searches.kind(posts), search_ms)
        return Sizing("distributed", feeds, retrieval, self._rankers(), self._stores(feeds))

    def _feeds(self, more_ms: float, gib: float, shared_gib: float) -> Feeds:
        """Feed servers where a feed takes so much more of a core than was measured."""
        if self.shape.gpu_feeds_per_s is not None:
            more_ms += self.costs["hop"] / 2 - self.costs["scoring"]
        queue = Queue.fit(self.costs.feeds).with_work(more_ms / 1e3)
        load = queue.highest_load(self.goals.p99_ms / 1e3)
        if queue.service >= self.goals.p99_ms / 1e3 or load <= 0:
            told = f"must be more than the {queue.service * 1e3:.4g} ms that one feed of so many posts takes by itself"
            raise CannotFit("--p99-ms", self.goals.p99_ms, told)
        cores = self.demand.feeds_peak * queue.service / load
        replicas = math.ceil(cores / self.goals.utilisation)
        return Feeds(self._servers(replicas, cores, gib, shared_gib), queue, load)

    def _rankers(self) -> Servers | None:
        """One GPU a node, with the models' tables of posts and users beside it. Raises CannotFit."""
        if self.shape.gpu_feeds_per_s is None:
            return None
        demand, costs = self.demand, self.costs
        shared_gib = (demand.posts * costs["release_post"] + demand.model_users * costs["release_user"]) / GIB
        least = demand.feeds_peak / self.shape.gpu_feeds_per_s
        return self._servers(math.ceil(least / self.goals.utilisation), least, costs["replica"], shared_gib, most=1)

    def _servers(self, replicas: int, least: float, gib: float, shared_gib: float, most: int | None = None) -> Servers:
        """Nodes for `replicas`, at most `most` on each, `least` of which must be left when a zone is lost.

        Raises CannotFit.
        """
        free = self._memory_gib - shared_gib
        per_node = min(most or self.shape.cpus, math.floor(free / gib + 1e-9))
        if per_node < 1:
            need = (shared_gib + gib + self.costs["node"]) / (1 - SPARE_MEMORY)
            told = (
                f"must be at least {need:.4g}: one replica needs {gib:.4g}, what all of a node share {shared_gib:.4g}"
            )
            raise CannotFit("--node-memory-gib", self.shape.memory_gib, told)
        nodes = with_spare(replicas / per_node, least / per_node, self.goals.zones)
        return Servers(replicas, gib, shared_gib, per_node, nodes)

    def _shard_posts(self, per_node: int) -> float:
        """Posts of a shard that are searched in time, and so many shards of which fit into a node. Raises CannotFit."""
        searches = self.costs["searches_per_feed"]
        limit = SEARCH_SHARE * self.goals.p99_ms
        by_time = _largest(
            lambda posts: searches * self.costs.searches.ms(posts, self.demand.dim) <= limit, self.demand.posts
        )
        gib = self._memory_gib / per_node - self.costs["replica"]
        by_memory = gib * GIB / self._shard_post_bytes()
        posts = min(by_time, by_memory, self.demand.posts)
        if posts < 1:
            need = (self.costs["replica"] * per_node + self.costs["node"]) / (1 - SPARE_MEMORY)
            raise CannotFit("--node-memory-gib", self.shape.memory_gib, f"must be above {need:.4g}, for one replica")
        return posts

    def _shard_post_bytes(self) -> float:
        return VERSIONS * self.costs.post_bytes(self.demand.dim) + self.costs["release_post"]

    def _measured_searches(self) -> float:
        """Milliseconds of search in the feeds that were measured."""
        return self.costs["searches_per_feed"] * self.costs.searches.ms(self.costs.feeds.posts, self.costs.searches.dim)

    @property
    def _memory_gib(self) -> float:
        """What replicas may use of a node."""
        return self.shape.memory_gib * (1 - SPARE_MEMORY) - self.costs["node"]

    def _stores(self, feeds: Feeds) -> Stores:
        if self._memory_gib <= 0:
            need = self.costs["node"] / (1 - SPARE_MEMORY)
            raise CannotFit("--node-memory-gib", self.shape.memory_gib, f"must be above {need:.4g}, for Ray alone")
        return size_stores(
            self.demand, self.goals, self.costs, feeds.servers.replicas, self.shape.cpus, self._memory_gib
        )


def with_spare(need: float, least: float, zones: int) -> int:
    """Nodes, evenly over `zones`: `need` when all is well, and `least` when one zone is lost, with one zone a node."""
    if zones == 1:
        return max(math.ceil(need), math.ceil(least) + 1)
    return zones * max(math.ceil(need / zones), math.ceil(least / (zones - 1)))


def _halvings(number: int) -> list[int]:
    """`number`, half of it, a quarter, down to 1."""
    return [number >> shift for shift in range(number.bit_length())]


def _largest(holds: Callable[[float], bool], most: float) -> float:
    """The largest number up to `most` for which `holds`, which larger ones do not; 0 if none."""
    if holds(most):
        return most
    low, high = 0.0, most
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low
