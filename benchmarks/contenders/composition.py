"""The usual Ray Serve application, with Ray's default settings, on a Ray of its own."""

import os
from typing import Final

from benchmarks.contenders.contender import begin, until_interrupted
from cluster.settings import load_settings

#: What Cascade sets otherwise, as Ray has it.
RAY_DEFAULTS: Final = {
    "RAY_SERVE_ENABLE_HA_PROXY": "0",
    "RAY_SERVE_THROUGHPUT_OPTIMIZED": "0",
    "RAY_SERVE_USE_GRPC_BY_DEFAULT": "0",
    "RAY_SERVE_HANDLE_AUTOSCALING_METRIC_PUSH_INTERVAL_S": "10",
    "RAY_SERVE_REPLICA_AUTOSCALING_METRIC_PUSH_INTERVAL_S": "10",
    "RAY_worker_niceness": "15",
}
#: Logical CPUs: each deployment asks for one.
CPUS: Final = 8


def main() -> None:
    os.environ.update(RAY_DEFAULTS)  # before anything imports Ray
    from ray import serve

    from benchmarks.contenders.stages import application
    from cluster.ray_runtime import start_ray

    ground, settings = begin(), load_settings()
    settings = settings.model_copy(update={"home": settings.home.resolve()})
    enough = settings.model_copy(update={"ray": settings.ray.model_copy(update={"num_cpus": CPUS})})
    with start_ray(enough):
        serve.start(http_options={"host": ground.host, "port": ground.port})
        serve.run(application(settings, ground), route_prefix="/")
        until_interrupted()


if __name__ == "__main__":
    main()
