import numpy as np
import pytest

from deployments.retrieval.messages import SearchAnswer, SearchQuestion, decode_answer, decode_question, encode
from deployments.retrieval.nearby import Nearby, merged
from deployments.retrieval.part import Part, owners
from tests.deployments.catalogue.releases import post


@pytest.mark.parametrize("ids", [np.arange(60_000), np.arange(60_000) << 22, -np.arange(60_000) * 3], ids=str)
def test_posts_are_spread_evenly_whatever_their_ids(ids):
    counts = np.bincount(owners(ids, 6), minlength=6)
    assert len(counts) == 6
    assert counts.min() > 0.9 * counts.max()


def test_each_post_is_owned_once_now_and_later():
    ids = np.array([5, -7, 2**62, 0])
    parts = [Part(number, 3) for number in range(3)]
    assert sorted(np.concatenate([part.owned(ids) for part in parts]).tolist()) == [0, 1, 2, 3]
    for part in parts:
        assert [each.post_id for each in part.of([post(int(i), seed=1) for i in ids])] == ids[part.owned(ids)].tolist()


def test_messages_are_what_was_sent():
    vectors = np.random.default_rng(0).normal(size=(2, 64)).astype(np.float32)
    asked = decode_question(encode(SearchQuestion.of("r", vectors, [3, 300])))
    assert (asked.release, asked.wanted) == ("r", (3, 300))
    np.testing.assert_array_equal(asked.matrix(), vectors)
    nearest = [Nearby(np.array([2**62, -1]), np.float32([0.5, 0.25])), Nearby(np.zeros(0, np.int64), np.float32([]))]
    for sent in (nearest, []):
        got = decode_answer(encode(SearchAnswer.of(sent))).nearby()
        assert [(n.post_ids.tolist(), n.scores.tolist()) for n in got] == [
            (n.post_ids.tolist(), n.scores.tolist()) for n in sent
        ]


def test_the_nearest_of_all_shards_come_first():
    one = Nearby(np.array([1, 2]), np.float32([0.9, 0.1]))
    other = Nearby(np.array([3, 4]), np.float32([0.8, 0.2]))
    assert merged([one, other], 3).tolist() == [1, 3, 4]
