import faiss
import numpy as np
import pytest

from training.models.post_tower import unit
from training.release import index as module
from training.release.index import (
    PROBED,
    RECALL,
    build_index,
    exact_neighbours,
    kind_of,
    make_index,
    probed,
    recall,
)

POSTS, DIM = 4000, 16


@pytest.fixture
def lists(monkeypatch):
    """Catalogues of these sizes get inverted files."""
    monkeypatch.setattr(module, "EXACT_UP_TO", 1000)


def vectors(count, seed=0):
    """Around centres, of any length."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(9).normal(size=(40, DIM))
    return (centres[rng.integers(40, size=count)] + 0.6 * rng.normal(size=(count, DIM))).astype(np.float32)


def test_a_small_catalogue_is_searched_exactly():
    index, report = build_index(vectors(500), vectors(20, seed=1))
    assert isinstance(index, faiss.IndexFlat)
    assert (report.kind, report.posts, report.probed, report.recall_at_300) == ("Flat", 500, 1.0, 1.0)


def test_as_few_lists_are_searched_as_find_enough(lists):
    posts, queries = vectors(POSTS), unit(vectors(100, seed=1))
    index, report = build_index(posts, queries)
    wanted = exact_neighbours(posts, queries, 300)
    assert report.kind == kind_of(POSTS) == "IVF252,SQfp16"
    assert report.recall_at_300 == recall(index, queries, wanted) >= RECALL
    assert 0 < report.probed == probed(index) < 1
    index.nprobe = int(index.nprobe * 0.75)
    assert recall(index, queries, wanted) < RECALL


def test_exact_neighbours_are_those_by_angle_whatever_the_length():
    posts, query = vectors(POSTS), vectors(1, seed=1)
    cosines = unit(posts) @ query[0]
    assert exact_neighbours(posts, query, 10)[0].tolist() == np.argsort(-cosines)[:10].tolist()


def test_without_users_posts_stand_in_for_them(lists):
    _, report = build_index(vectors(POSTS), np.zeros((0, DIM), np.float32))
    assert report.recall_at_300 >= RECALL


def test_fewer_posts_than_candidates_are_all_found():
    _, report = build_index(vectors(5), vectors(3, seed=1))
    assert report.recall_at_300 == 1.0


def test_an_index_of_some_rows_gives_their_positions(lists):
    posts = vectors(POSTS)
    rows = np.arange(0, POSTS, 2)
    index = make_index(posts, rows)
    _, found = index.search(unit(posts[rows[:20]]), 1)
    assert found[:, 0].tolist() == list(range(20))
    assert probed(index) == pytest.approx(PROBED, rel=0.1)
    assert probed(make_index(posts, rows, 0.5)) == pytest.approx(0.5, rel=0.1)
