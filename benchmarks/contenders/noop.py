"""Nothing but Ray Serve, as Cascade sets it up: the floor under a feed by HTTP."""

from benchmarks.contenders.contender import begin, until_interrupted
from cluster.ray_environment import set_ray_environment
from cluster.settings import load_settings


def main() -> None:
    ground = begin()
    set_ray_environment()
    from cluster.ray_runtime import start_ray, start_serve
    from deployments.noop import run_noop

    settings = load_settings()
    with start_ray(settings):
        start_serve(settings)
        run_noop("/", ground.workers)
        until_interrupted()


if __name__ == "__main__":
    main()
