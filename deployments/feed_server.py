"""The Ray Serve application: feed servers, with the whole pipeline or with shards and rankers beside them."""

import gc
from typing import Any

from fastapi import FastAPI
from ray import serve

from cluster.clock import Clock
from cluster.placement import label_selector
from cluster.settings import Settings
from cluster.store.urls import StoreUrls
from deployments.admission.metrics import AdmissionMetrics
from deployments.api.api import Api
from deployments.distributed.application import ONE_THREAD, Remote, needs_of
from deployments.distributed.backends import Backends
from deployments.distributed.discovery import Discovery
from deployments.grpc.service import GrpcMethods
from deployments.http.app import http_app
from deployments.repeating import Repeated
from deployments.replica import Replica

#: Requests in flight that Serve gives a replica.
_UNLIMITED = 100_000
#: How often metrics are told, in seconds.
_METRICS_S = 1.0


@serve.deployment
@serve.ingress()
class FeedServer(GrpcMethods):
    """Answers feeds from the release that is live; `clock` is the same for all replicas.

    `remote`: the deployments that have index and ranker; None: this one has all.
    """

    def __init__(self, settings: Settings, clock: Clock, urls: StoreUrls, remote: Remote | None = None) -> None:
        backends: Backends | None = None
        self._discovery: Discovery | None = None
        if remote is not None:
            backends, self._discovery = remote.connect(settings.distributed.patience)
        self._replica = Replica.open(settings, clock, urls, backends)
        self._api = Api.open(self._replica, settings, urls)
        self._serving = settings.serving

    async def __serve_build_asgi_app__(self) -> FastAPI:
        """Called by Serve before the replica counts as ready."""
        if self._discovery is not None:
            self._discovery.start()
        await self._replica.warm_up()
        self._replica.start()
        self._api.start()
        self._metrics = Repeated(AdmissionMetrics(self._replica.admission).tell, _METRICS_S)
        self._metrics.start()
        # What is loaded now stays: the collector need not walk through it during requests.
        gc.collect()
        gc.freeze()
        return http_app(self._api, self._serving.max_body_bytes)


def feed_application(settings: Settings, clock: Clock, urls: StoreUrls) -> Any:
    """The Serve application of the settings' topology, with the autoscaling and queueing of `settings.serving`."""
    serving = settings.serving
    remote = Remote.deployed(settings, urls) if serving.topology == "distributed" else None
    need = next(need for need in needs_of(settings) if need.deployment == "FeedServer")
    deployment: Any = FeedServer
    return deployment.options(
        name=need.deployment,
        num_replicas=None,
        # Feeds are counted by the admission. What Serve holds back, it could not refuse, and would see too late.
        max_ongoing_requests=_UNLIMITED,
        autoscaling_config={
            "min_replicas": serving.min_replicas,
            "max_replicas": serving.most_replicas,
            "target_ongoing_requests": serving.target_ongoing_requests,
            "downscaling_factor": serving.downscaling_factor,
            "upscale_delay_s": 3,
            "downscale_delay_s": 60,
        },
        ray_actor_options={
            "num_cpus": need.cpus,
            "num_gpus": need.gpus,
            "label_selector": label_selector(need.role),
            "runtime_env": {"env_vars": ONE_THREAD},
        },
        logging_config={"enable_access_log": False},
        health_check_period_s=5,
        graceful_shutdown_timeout_s=10,
    ).bind(settings, clock, urls, remote)
