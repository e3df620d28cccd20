import asyncio

import numpy as np

from cluster.settings import Catalogue as Limits
from deployments.retrieval.host import together
from deployments.retrieval.messages import SearchQuestion
from deployments.retrieval.part import Part
from deployments.retrieval.shard import Shard
from tests.deployments.catalogue.releases import POSTS, release
from training.models.post_tower import unit

RELEASE = release()
VECTORS = unit(RELEASE.user_tower.history_vectors)


class Counting(Shard):
    """Notes how many vectors each search is for."""

    def __init__(self):
        super().__init__(RELEASE, Part(0, 1), Limits())
        self.searches = []

    def nearest(self, vectors, wanted):
        self.searches.append(len(vectors))
        return super().nearest(vectors, wanted)


def question(*rows: int, k: int = 5) -> SearchQuestion:
    return SearchQuestion.of("r", VECTORS[list(rows)], [k] * len(rows))


def test_questions_that_wait_are_one_search_and_each_is_told_its_own():
    shard = Counting()
    asked = [question(3), question(), question(7, 8, k=POSTS), question(1, k=2)]

    async def scenario():
        queue = together(shard)
        answers = await asyncio.gather(*(queue.submit(each) for each in asked))
        await queue.close()
        return answers

    answers = asyncio.run(scenario())
    assert shard.searches == [4]
    assert [[len(near.post_ids) for near in answer] for answer in answers] == [[5], [], [POSTS, POSTS], [2]]
    for each, answer in zip(asked, answers, strict=True):
        alone = Counting().nearest(each.matrix(), each.wanted) if each.wanted else []
        for mine, other in zip(answer, alone, strict=True):
            np.testing.assert_array_equal(mine.post_ids, other.post_ids)
            np.testing.assert_array_equal(mine.scores, other.scores)


def test_questions_for_nothing_search_nothing():
    shard = Counting()

    async def scenario():
        return await together(shard).submit(question())

    assert asyncio.run(scenario()) == []
    assert shard.searches == []
