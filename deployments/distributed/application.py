"""Shards and rankers as deployments of the Serve application, and what the topology asks of the cluster."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from cluster.distributed import FEED_CPUS, RANKER_CPUS, SHARD_CPUS
from cluster.placement import Need, Role, label_selector
from cluster.settings import Settings
from cluster.store.urls import StoreUrls
from deployments.channel.group import Group
from deployments.distributed.answering import Ranker, RetrievalShard
from deployments.distributed.autoscaling import by_questions
from deployments.distributed.backends import Backends
from deployments.distributed.discovery import Discovery, by
from deployments.retrieval.part import Part

#: Libraries that would start a thread per core, which costs more than it brings for arrays of this size.
ONE_THREAD: Final = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


@dataclass(frozen=True, slots=True)
class Remote:
    """Handles of the deployments that feed servers ask, and the token of their channels."""

    shards: list[Any]
    ranker: Any
    token: bytes

    @classmethod
    def deployed(cls, settings: Settings, urls: StoreUrls) -> "Remote":
        """For the application: not deployed yet."""
        token, how = secrets.token_bytes(32), settings.distributed
        shard: Any = RetrievalShard
        ranker: Any = Ranker
        needs = {need.deployment: need for need in needs_of(settings)}
        target = settings.serving.target_ongoing_requests
        shards = []
        for number in range(how.shards):
            need = needs[shard_name(number)]
            options = _options(settings, need, how.most_shard_replicas, target)
            part = Part(number, how.shards)
            shards.append(shard.options(**options).bind(part, settings, urls, token))
        options = _options(settings, needs["Ranker"], how.most_ranker_replicas, how.ranker_target)
        return cls(shards, ranker.options(**options).bind(settings, urls, token), token)

    def connect(self, patience: float) -> tuple[Backends, Discovery]:
        """In a feed server: groups of replicas, and what finds them."""
        groups = {
            handle: Group(handle.deployment_name, self.token, by(handle)) for handle in (*self.shards, self.ranker)
        }
        backends = Backends([groups[handle] for handle in self.shards], groups[self.ranker], patience)
        return backends, Discovery(groups)


def shard_name(number: int) -> str:
    return f"RetrievalShard{number}"


def needs_of(settings: Settings) -> Iterator[Need]:
    """What the deployments of the settings' topology ask of the cluster."""
    serving, how = settings.serving, settings.distributed
    ranks, searches = settings.ranker.device == "cuda", settings.catalogue.index_device == "cuda"
    if serving.topology == "fused":
        share = _gpu_share(serving.most_replicas) * (ranks or searches)
        yield Need("FeedServer", Role.FEED, serving.min_replicas, FEED_CPUS, share)
        return
    yield Need("FeedServer", Role.FEED, serving.min_replicas, FEED_CPUS)
    share = _gpu_share(how.shards * how.most_shard_replicas) * searches
    for number in range(how.shards):
        yield Need(shard_name(number), Role.RETRIEVAL, how.shard_replicas, SHARD_CPUS, share)
    yield Need("Ranker", Role.RANKER, how.ranker_replicas, RANKER_CPUS, float(ranks))


def _gpu_share(replicas: int) -> float:
    """Of a GPU, for each of `replicas` that may all be on one node. Ray counts in ten-thousandths."""
    return (9_999 // replicas) / 10_000


def _options(settings: Settings, need: Need, most: int, target: float) -> dict[str, Any]:
    return {
        "name": need.deployment,
        "num_replicas": None,
        "max_ongoing_requests": settings.serving.max_ongoing_requests,
        "autoscaling_config": {
            "min_replicas": need.replicas,
            "max_replicas": most,
            "target_ongoing_requests": target,
            "downscaling_factor": settings.serving.downscaling_factor,
            "upscale_delay_s": 3,
            "downscale_delay_s": 60,
            "policy": {"policy_function": by_questions},
        },
        "ray_actor_options": {
            "num_cpus": need.cpus,
            "num_gpus": need.gpus,
            "label_selector": label_selector(need.role),
            "runtime_env": {"env_vars": ONE_THREAD},
        },
        "logging_config": {"enable_access_log": False},
        "health_check_period_s": 2,
        "graceful_shutdown_timeout_s": 2,
    }
