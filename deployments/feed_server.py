"""The Ray Serve deployment of topology `fused`: every replica holds the whole pipeline."""

import gc
from typing import Any

from fastapi import FastAPI
from ray import serve

from cluster.clock import Clock
from cluster.placement import Role, label_selector
from cluster.settings import Settings
from cluster.store.urls import StoreUrls
from deployments.admission.metrics import AdmissionMetrics
from deployments.api.api import Api
from deployments.grpc.service import GrpcMethods
from deployments.http.app import http_app
from deployments.repeating import Repeated
from deployments.replica import Replica

#: Libraries that would start a thread per core, which costs more than it brings for arrays of this size.
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")

#: Requests in flight that Serve gives a replica.
_UNLIMITED = 100_000
#: How often metrics are told, in seconds.
_METRICS_S = 1.0


@serve.deployment
@serve.ingress()
class FeedServer(GrpcMethods):
    """Answers feeds from the release that is live; `clock` is the same for all replicas."""

    def __init__(self, settings: Settings, clock: Clock, urls: StoreUrls) -> None:
        self._replica = Replica.open(settings, clock, urls)
        self._api = Api.open(self._replica, settings, urls)
        self._serving = settings.serving

    async def __serve_build_asgi_app__(self) -> FastAPI:
        """Called by Serve before the replica counts as ready."""
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
    """The Serve application: FeedServer with the autoscaling and queueing of `settings.serving`."""
    serving = settings.serving
    deployment: Any = FeedServer
    return deployment.options(
        name="FeedServer",
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
            "num_cpus": 1,
            "label_selector": label_selector(Role.FEED),
            "runtime_env": {"env_vars": _ONE_THREAD},
        },
        logging_config={"enable_access_log": False},
        health_check_period_s=5,
        graceful_shutdown_timeout_s=10,
    ).bind(settings, clock, urls)
