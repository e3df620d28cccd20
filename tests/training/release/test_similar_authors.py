import numpy as np

from training.models.post_tower import unit
from training.release.similar_authors import NONE, SIMILAR, similar_authors


def test_the_most_similar_authors_are_those_whose_posts_point_the_same_way():
    rng = np.random.default_rng(0)
    count, dims = 40, 6
    authors = np.concatenate([np.arange(count), rng.integers(0, count, 200)]).astype(np.int32)
    style = rng.normal(size=(count, dims))
    vectors = unit((style[authors] + 0.1 * rng.normal(size=(len(authors), dims))).astype(np.float32))
    similar = similar_authors(vectors, authors, count)
    means = unit(np.stack([vectors[authors == a].sum(axis=0) for a in range(count)]))
    near = means @ means.T
    np.fill_diagonal(near, -np.inf)
    assert similar.tolist() == np.argsort(-near, axis=1)[:, :SIMILAR].tolist()


def test_who_has_no_posts_is_like_nobody():
    vectors = unit(np.array([[1, 0], [1, 0.1], [0, 1]], np.float32))
    similar = similar_authors(vectors, np.array([0, 2, 3], np.int32), 5)
    assert similar[[1, 4]].tolist() == [[NONE] * SIMILAR] * 2
    assert similar[0].tolist() == [2, 3] + [NONE] * (SIMILAR - 2)
    assert similar_authors(vectors[:1], np.array([1], np.int32), 2).tolist() == [[NONE] * SIMILAR] * 2
