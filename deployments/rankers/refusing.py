"""Whether there is what the settings want the ranker to be computed by, before anything is deployed."""

from cluster.ranker_backend import DEFAULT, RankerBackend
from cluster.release import Release
from deployments.rankers.loading import load_ranker


def refuse_missing(backend: RankerBackend, release: Release) -> None:
    """Raises CascadeError as `load_ranker`. Whether there is a GPU is for `cluster.placement`: it may be elsewhere."""
    if backend != DEFAULT and backend.device == "cpu":
        load_ranker(release, backend)
