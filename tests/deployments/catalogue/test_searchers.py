"""Both searchers against exact search. No GPU is needed: FAISS's indexes on GPUs are searched by the same call."""

import faiss
import numpy as np
import pytest

from cluster.errors import CascadeError
from deployments.catalogue import searchers
from deployments.catalogue.searchers import OnCpu, OnGpu, Searcher, searcher
from tests.deployments.catalogue.test_live_index import vectors
from training.release.index import make_index

POSTS = 1000
VECTORS = vectors(POSTS)
QUERIES = vectors(7, seed=1)


class NoSelectors:
    """A FAISS index that takes none, as those on GPUs."""

    def __init__(self, index):
        self.ntotal, self._index, self.asked = index.ntotal, index, []

    def search(self, queries, k):
        assert k <= searchers.GPU_MOST
        self.asked.append(k)
        return self._index.search(queries, k)


@pytest.fixture(params=["cpu", "gpu"])
def made(request) -> Searcher:
    index = make_index(VECTORS, np.arange(POSTS))
    return OnCpu(index) if request.param == "cpu" else OnGpu(NoSelectors(index))


def kept_bits(gone: list[int]) -> np.ndarray:
    kept = np.ones(POSTS, np.uint8)
    kept[gone] = 0
    return np.packbits(kept, bitorder="little")


def check(made: Searcher, k: int, gone: list[int]) -> None:
    exact = QUERIES @ VECTORS.T
    exact[:, gone] = -np.inf
    scores, at = made.nearest(QUERIES, k)
    assert scores.shape == at.shape == (len(QUERIES), k)
    there = min(k, POSTS - len(gone))
    assert (at[:, there:] == -1).all()
    best = -np.sort(-exact, axis=1)[:, :there]
    np.testing.assert_allclose(scores[:, :there], best, atol=1e-6)
    np.testing.assert_allclose(np.take_along_axis(exact, at[:, :there], 1), best, atol=1e-6)
    assert all(len(set(row)) == there for row in at[:, :there].tolist())


@pytest.mark.parametrize("k", [1, 10, POSTS, POSTS + 5])
def test_the_nearest_are_found(made, k):
    check(made, k, [])


@pytest.mark.parametrize("k", [1, 10, POSTS])
def test_what_is_skipped_is_not_found_and_others_take_its_place(made, k):
    nearest = np.argsort(-(QUERIES @ VECTORS.T), axis=1)[:, :40]
    gone = np.unique(nearest).tolist()
    made.skip(kept_bits(gone))
    check(made, k, gone)


def test_bits_that_change_later_count(made):
    made.skip(bits := kept_bits([3]))
    bits &= kept_bits([5, 6])
    check(made, 20, [3, 5, 6])


def test_where_all_is_gone_nothing_is_found(made):
    made.skip(kept_bits(list(range(POSTS))))
    assert (made.nearest(QUERIES, 10)[1] == -1).all()


@pytest.mark.parametrize("kind", [OnCpu, OnGpu])
def test_an_empty_index_has_nothing(kind):
    empty = kind(make_index(VECTORS, np.arange(0)))
    scores, at = empty.nearest(QUERIES, 3)
    assert scores.shape == (len(QUERIES), 3)
    assert (at == -1).all()


def test_no_more_than_needed_is_asked_of_a_gpu():
    made = OnGpu(index := NoSelectors(make_index(VECTORS, np.arange(POSTS))))
    made.skip(kept_bits([]))
    made.nearest(QUERIES, 10)
    assert index.asked == [10]
    made.skip(kept_bits(np.unique(np.argsort(-(QUERIES @ VECTORS.T), axis=1)[:, :12]).tolist()))
    made.nearest(QUERIES, 10)
    assert index.asked[1:] == sorted(index.asked[1:])
    assert 20 <= index.asked[-1] < POSTS


def test_beyond_what_gpus_find_there_is_nothing(monkeypatch):
    monkeypatch.setattr(searchers, "GPU_MOST", 16)
    made = OnGpu(NoSelectors(make_index(VECTORS, np.arange(POSTS))))
    at = made.nearest(QUERIES, 20)[1]
    assert (at[:, :16] >= 0).all()
    assert (at[:, 16:] == -1).all()


@pytest.mark.skipif(faiss.get_num_gpus() > 0, reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_said():
    with pytest.raises(CascadeError, match="no GPU"):
        searcher(make_index(VECTORS, np.arange(POSTS)), "cuda")


@pytest.mark.gpu
@pytest.mark.skipif(faiss.get_num_gpus() == 0, reason="there is no GPU that FAISS can use")
@pytest.mark.parametrize("exact_up_to", [50_000, 100])
def test_a_real_gpu_finds_what_the_processor_finds(monkeypatch, exact_up_to):
    monkeypatch.setattr("training.release.index.EXACT_UP_TO", exact_up_to)
    index = make_index(VECTORS, np.arange(POSTS))
    ours, theirs = searcher(index, "cuda"), searcher(index, "cpu")
    for each in (ours, theirs):
        each.skip(kept_bits(list(range(0, POSTS, 7))))
    for mine, other in zip(ours.nearest(QUERIES, 50), theirs.nearest(QUERIES, 50), strict=True):
        np.testing.assert_allclose(mine, other, atol=1e-4)
