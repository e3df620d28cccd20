import numpy as np
from hypothesis import given, settings

from kernels.boosts import nobody
from kernels.moves import MOVERS, moves
from kernels.rerank import rerank
from kernels.topk import top_k_numpy
from tests.kernels.reranking import NO_RULE, limits, plain, posts, rules, viewer_of, viewers


def told(posts, viewer, rules, limit):
    """The moves that are not 0, of each post of the feed."""
    moved = moves(posts.scores, rerank(posts, viewer, rules, limit))
    return [{mover: places for mover, places in zip(MOVERS, row, strict=True) if places} for row in moved.tolist()]


@settings(deadline=None)
@given(posts, viewers, rules, limits)
def test_moves_add_up_to_the_way_from_the_place_by_score(posts, viewer, rules, limit):
    reranked = rerank(posts, viewer, rules, limit)
    moved = moves(posts.scores, reranked)
    place = {i: p for p, i in enumerate(top_k_numpy(posts.scores, len(posts.scores)).tolist())}
    expected = [place[i] - slot for slot, i in enumerate(reranked.order.tolist())]
    assert moved.shape == (len(reranked.order), len(MOVERS))
    assert moved.sum(axis=1).tolist() == expected


def test_each_cause_is_told_by_itself():
    posts = plain([5, 4.9, 4.8], authors=[1, 2, 3], age_ms=np.array([9, 9, 1]))
    fresh = NO_RULE._replace(fresh_ms=5, fresh_boost=0.1)
    assert told(posts, nobody(), fresh, 3) == [{"fresh": 2}, {"fresh": -1}, {"fresh": -1}]
    close = fresh._replace(fresh_boost=0.01, close_boost=0.2)
    assert told(posts, viewer_of([3], []), close, 3)[0] == {"close_friend": 2}
    served = NO_RULE._replace(served_decay=0.5, served_floor=0.5)
    assert told(posts, viewer_of([], [(1, 0)]), served, 3) == [{"served": 1}, {"served": 1}, {"served": -2}]
    same = posts._replace(authors=np.array([1, 1, 3], np.int32))
    assert told(same, nobody(), NO_RULE._replace(author_decay_floor=0.25, author_decay=0.5), 3)[1] == {"decays": 1}
    assert told(same, nobody(), NO_RULE._replace(author_cap_window=3), 3)[1:] == [{"author_cap": 1}, {"author_cap": -1}]
