"""Cascade: `cascade up` on the stores that are there."""

import os

from benchmarks.contenders.contender import begin
from cluster.ray_environment import set_ray_environment


def main() -> None:
    """Bring it up; the line on stdout is its run as JSON."""
    ground = begin()
    os.environ["CASCADE_STORE_URL"], os.environ["CASCADE_EVENTS_URL"] = ground.urls
    set_ray_environment()
    from deployments.cli import up

    up(json=True)


if __name__ == "__main__":
    main()
