"""Settings of topology `distributed`."""

from typing import Final, Literal

from pydantic import Field

from cluster.section import Count, Rest, Section

Topology = Literal["fused", "distributed"]

#: CPUs that Ray sets aside for a replica of each: a shard searches for a part of a feed's time.
FEED_CPUS: Final = 1.0
SHARD_CPUS: Final = 0.5
RANKER_CPUS: Final = 0.5


class Distributed(Section):
    """Shards of the index and rankers, where `serving.topology` is `distributed`."""

    shards: Count = Field(2, description="parts of the index; each post is in one of them")
    shard_replicas: Count = Field(1, description="replicas of each shard kept running")
    max_shard_replicas: Count | None = Field(
        None, description="replicas of each shard that autoscaling may start; default: those kept running"
    )
    ranker_replicas: Count = Field(1, description="rankers kept running")
    max_ranker_replicas: Count | None = Field(
        None, description="rankers that autoscaling may start; default: those kept running"
    )
    ranker_target: float = Field(
        2.0, description="requests in flight per ranker that autoscaling aims at; a GPU takes more at once", gt=0
    )
    patience: Rest = Field(
        0.4, description="share of the time that is left to which a feed waits for shards, and then for a ranker"
    )

    @property
    def most_shard_replicas(self) -> int:
        return max(self.shard_replicas, self.max_shard_replicas or 0)

    @property
    def most_ranker_replicas(self) -> int:
        return max(self.ranker_replicas, self.max_ranker_replicas or 0)
