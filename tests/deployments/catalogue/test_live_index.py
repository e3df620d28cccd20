"""The live index against exact search over what should be in it."""

import numpy as np

from deployments.catalogue.live_index import LiveIndex, build
from training.models.post_tower import unit
from training.models.two_tower import DIM
from training.release import index as release_index

POSTS = 300


def vectors(count, seed=0):
    return unit(np.random.default_rng(seed).normal(size=(count, DIM)).astype(np.float32))


class Checked:
    """A live index, beside a dictionary of what it should hold."""

    def __init__(self, posts=POSTS):
        self.vectors = vectors(posts)
        self.held = dict(enumerate(self.vectors))
        self.index = LiveIndex(build(np.arange(posts, dtype=np.int64), self.vectors))

    def put(self, rows, seed):
        new = vectors(len(rows), seed)
        self.held.update(zip(rows, new, strict=True))
        self.index.put(np.array(rows, np.int32), new)

    def remove(self, rows):
        for row in rows:
            self.held.pop(row, None)
        self.index.remove(np.array(rows, np.int32))

    def check(self, k=20):
        rows = np.array(sorted(self.held), np.int32)
        exact = np.stack([self.held[row] for row in rows.tolist()])
        for query in vectors(20, seed=99):
            scores = exact @ query
            found = self.index.search(query, k)
            assert found.dtype == np.int32
            assert set(found.tolist()) <= set(self.held)
            best = rows[np.argsort(-scores)[:k]]
            assert found.tolist() == best.tolist()


def test_what_is_put_is_found_and_what_is_removed_is_not():
    live = Checked()
    live.check()
    live.put([300, 301, 302], seed=1)
    live.check()
    live.remove([301, 5, 6, 7, 999])
    live.check()
    live.put([5, 302, 400], seed=2)
    live.check()
    assert (live.index.fresh, live.index.masked) == (4, 3)
    live.check(k=1000)


def test_a_post_as_near_as_can_be_is_the_first_result():
    live = Checked()
    live.put(list(range(300, 1300)), seed=3)
    for row in (300, 777, 1299, 12):
        assert live.index.search(live.held[row], 5)[0] == row


def test_random_changes_and_new_bases_keep_it_exact():
    rng = np.random.default_rng(5)
    live, everything = Checked(), np.zeros((2000, DIM), np.float32)
    everything[:POSTS] = live.vectors
    for step in range(60):
        rows = np.unique(rng.integers(0, 1000, 12)).tolist()
        if step % 3 == 0:
            live.remove(rows)
        else:
            live.put(rows, seed=100 + step)
            for row in rows:
                everything[row] = live.held[row] * 3  # of any length
        if step % 20 == 10:
            live.index.snapshot()
            alive = np.array(sorted(live.held))
            base = build(alive, everything)
            live.remove(alive[:4].tolist())
            live.put([int(alive[9]), 1500, 1501], seed=900 + step)
            everything[[int(alive[9]), 1500, 1501]] = [live.held[row] for row in (int(alive[9]), 1500, 1501)]
            live.check()
            live.index.swap(base)
            assert live.index.fresh == 3
            assert live.index.masked == 5 + (2 if step > 10 else 0)
        live.check()


def test_an_inverted_file_skips_what_is_removed(monkeypatch):
    monkeypatch.setattr(release_index, "EXACT_UP_TO", 100)
    live = Checked(3000)
    assert release_index.kind_of(3000) != "Flat"
    for row in (3, 1500, 2999):
        assert live.index.search(live.held[row], 3)[0] == row
        live.remove([row])
        assert row not in live.index.search(live.vectors[row], 100).tolist()
    live.put([3], seed=8)
    assert live.index.search(live.held[3], 3)[0] == 3


def test_an_empty_base_finds_what_is_fresh():
    index = LiveIndex(build(np.zeros(0, np.int64), np.zeros((0, DIM), np.float32)))
    new = vectors(3)
    assert index.search(new[0], 5).tolist() == []
    index.put(np.arange(3, dtype=np.int32), new)
    assert index.search(new[2], 1).tolist() == [2]


def test_a_base_names_the_rows_it_was_built_of():
    base = build(np.array([0, 2, 4]), vectors(6))
    assert LiveIndex(base).search(vectors(6)[4], 1).tolist() == [4]
