"""Retrieval from shards: all are asked at once, and those that are late are gone without."""

import asyncio
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np

from cluster.errors import Unreachable
from deployments.channel.group import Group
from deployments.retrieval.messages import SearchQuestion, decode_answer, encode
from deployments.retrieval.nearby import merged
from kernels.columns import F32, I64


class Retrieved(NamedTuple):
    """What was found for each vector, and by whom nothing was."""

    post_ids: list[I64]
    missing: list[int]  # numbers of shards


class Retriever(Protocol):
    """An index that is elsewhere."""

    #: Of how many parts it is.
    shards: int

    async def nearest(self, vectors: F32, wanted: Sequence[int], timeout_s: float) -> Retrieved:
        """Ids of the posts nearest to each of vectors[V, D], as many as are wanted. Raises Unreachable where no part
        answers.
        """
        ...


class ShardedRetriever:
    """Asks the shards of one release."""

    def __init__(self, groups: Sequence[Group], release: str) -> None:
        self.shards = len(groups)
        self._groups = groups
        self._release = release

    async def holds(self, timeout_s: float) -> None:
        """Raises Unreachable, or TimeoutError, unless all replicas of all shards hold the release."""
        question = encode(SearchQuestion.of(self._release, np.zeros((0, 0), np.float32), ()))
        for group in self._groups:
            await group.ask_all(question, timeout_s)

    async def nearest(self, vectors: F32, wanted: Sequence[int], timeout_s: float) -> Retrieved:
        """As `Retriever.nearest`."""
        question = encode(SearchQuestion.of(self._release, vectors, wanted))
        asking = (group.ask(question, timeout_s) for group in self._groups)
        answers = await asyncio.gather(*asking, return_exceptions=True)
        found = [decode_answer(answer).nearby() for answer in answers if isinstance(answer, bytes)]
        missing = [shard for shard, answer in enumerate(answers) if not isinstance(answer, bytes)]
        for answer in answers:
            if isinstance(answer, BaseException) and not isinstance(answer, Unreachable):
                raise answer
        if not found:
            raise Unreachable("no shard answers")
        lists = [merged(of_vector, k) for of_vector, k in zip(zip(*found, strict=True), wanted, strict=True)]
        return Retrieved(lists, missing)
