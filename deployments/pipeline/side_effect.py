"""Side effects: what follows from an answer."""

from abc import abstractmethod
from typing import ClassVar

from deployments.pipeline.candidates import Candidates
from deployments.pipeline.components import Component, Stage
from deployments.pipeline.query import Query
from deployments.pipeline.trace import Trace


class SideEffect(Component):
    """Notes what is answered. The answer does not wait for what follows, and is the same if it fails."""

    stage: ClassVar[Stage] = "side_effects"

    @abstractmethod
    def note(self, query: Query, feed: Candidates, trace: Trace) -> None:
        """Called with the whole feed before it is sent; what takes time must be queued."""

    async def close(self) -> None:
        """Wait for what is queued, when no more answers come."""
