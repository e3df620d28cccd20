"""The component that asks shards for what the sources of nearest neighbours bring."""

import time
from collections.abc import Awaitable, Sequence

import numpy as np

from deployments.catalogue.catalogue import Catalogue
from deployments.pipeline.components import Retrieval
from deployments.pipeline.query import Found, Query
from deployments.retrieval.retriever import Retrieved, Retriever
from deployments.sources.nearest import Nearest
from kernels.columns import I32, I64


class Neighbours(Retrieval):
    """One question for the vectors of all these sources."""

    name = "shards"

    def __init__(self, retriever: Retriever, catalogue: Catalogue, sources: Sequence[Nearest], patience: float) -> None:
        """`patience`: share of the time left that is waited."""
        self._retriever = retriever
        self._catalogue = catalogue
        self._sources = sources
        self._patience = patience

    def enabled(self, query: Query) -> bool:
        return any(source.enabled(query) for source in self._sources)

    def ask(self, query: Query) -> Awaitable[int]:
        asked = [source for source in self._sources if source.enabled(query)]
        vectors = np.stack([source.vector(query) for source in asked])
        wanted = [source.wanted(query) for source in asked]
        timeout_s = self._patience * (query.deadline - time.monotonic())
        return self._take(query, asked, self._retriever.nearest(vectors, wanted, timeout_s))

    async def _take(self, query: Query, asked: Sequence[Nearest], asking: Awaitable[Retrieved]) -> int:
        retrieved = await asking
        rows = [self._rows(post_ids) for post_ids in retrieved.post_ids]
        query.degraded += [f"shard {number}" for number in retrieved.missing]
        names = [source.name for source in asked]
        query.found = Found(dict(zip(names, rows, strict=True)), len(retrieved.missing) / self._retriever.shards)
        return sum(map(len, rows))

    def _rows(self, post_ids: I64) -> I32:
        """A shard may know posts that have not come here yet."""
        rows = self._catalogue.posts.post_rows(post_ids)
        return rows[rows >= 0]
