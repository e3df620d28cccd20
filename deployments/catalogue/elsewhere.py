"""In the place of a live index where shards have it."""

from deployments.pipeline.components import MissingInput
from kernels.columns import F32, I32


class Elsewhere:
    """Keeps nothing, and finds nothing."""

    fresh = masked = 0

    def put(self, rows: I32, vectors: F32) -> None:
        """The shards follow the same log."""

    def remove(self, rows: I32) -> None:
        """Likewise."""

    def search(self, vector: F32, k: int) -> I32:
        raise MissingInput("shards")
