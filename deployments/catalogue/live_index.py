"""The live index: a FAISS index that is never changed while it is searched, and what has changed since it was built."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import faiss
import numpy as np

from cluster.post_table import rows_of
from cluster.section import Device
from deployments.catalogue.searchers import Bits, Searcher, searcher
from kernels.columns import F32, I32, I64
from kernels.topk import top_k
from training.release.index import PROBED, make_index, probed


@dataclass(frozen=True, slots=True)
class Base:
    """An index over n unit vectors of D numbers, and the post row of each of its positions."""

    searcher: Searcher
    rows: I64  # [n] ascending
    dim: int
    #: Share of its lists that a search looks through; what is usual where it has none.
    probed: float

    @classmethod
    def of(cls, index: Any, rows: I64, device: Device = "cpu") -> Self:
        """Of a FAISS inner-product index, searched on `device`. Raises CascadeError for a GPU where there is none."""
        share = probed(index) if isinstance(index, faiss.IndexIVF) else PROBED
        return cls(searcher(index, device), rows, index.d, share)


class LiveIndex:
    """Posts by the nearness of their vectors: the base without what was removed, and a fresh segment searched exactly.

    Belongs to one event loop. `snapshot`, `build` (in a thread) and `swap` make a new base of it all, while it goes on.
    """

    def __init__(self, base: Base) -> None:
        self._base = base
        self._fresh_rows = np.zeros(64, np.int32)
        self._fresh_vectors = np.zeros((64, base.dim), np.float32)
        self._slots: dict[int, int] = {}  # row -> place in the fresh segment
        self._changed: set[int] | None = None  # rows put or removed since the snapshot, while a new base is built
        self._mask_nothing()

    @property
    def fresh(self) -> int:
        """Posts in the fresh segment."""
        return len(self._slots)

    @property
    def masked(self) -> int:
        """Posts of the base that are skipped, because they are gone or in the fresh segment."""
        return self._masked

    @property
    def probed(self) -> float:
        """`Base.probed`."""
        return self._base.probed

    def put(self, rows: I32, vectors: F32) -> None:
        """Make posts findable under unit vectors [n, D]; an older vector of theirs is forgotten."""
        self._mask(rows)
        for row, vector in zip(rows.tolist(), vectors, strict=True):
            place = self._slots.setdefault(row, len(self._slots))
            if place == len(self._fresh_rows):
                self._fresh_rows = np.concatenate([self._fresh_rows, np.zeros_like(self._fresh_rows)])
                self._fresh_vectors = np.concatenate([self._fresh_vectors, np.zeros_like(self._fresh_vectors)])
            self._fresh_rows[place], self._fresh_vectors[place] = row, vector

    def remove(self, rows: I32) -> None:
        """Make posts impossible to find; those that cannot be found already stay so."""
        self._mask(rows)
        for row in rows.tolist():
            place = self._slots.pop(row, None)
            if place is not None and place < len(self._slots):
                last = len(self._slots)  # the last one takes the place
                moved = int(self._fresh_rows[last])
                self._fresh_rows[place], self._fresh_vectors[place] = moved, self._fresh_vectors[last]
                self._slots[moved] = place

    def search(self, vector: F32, k: int) -> I32:
        """Rows of the up to `k` posts nearest to the unit vector [D], the nearest first."""
        return self.nearest(vector[None], [k])[0][0]

    def nearest(self, vectors: F32, wanted: Sequence[int]) -> list[tuple[I32, F32]]:
        """For each of the unit vectors [V, D] rows and scores of as many posts as are wanted [V], the nearest first."""
        if not len(vectors):
            return []
        found, at = self._base.searcher.nearest(vectors, max(wanted))
        return [self._with_fresh(*each) for each in zip(vectors, found, at, wanted, strict=True)]

    def _with_fresh(self, vector: F32, found: F32, at: I64, k: int) -> tuple[I32, F32]:
        """The `k` nearest of what was found in the base and of the fresh segment."""
        there = at[:k] >= 0
        rows: I32 = self._base.rows[at[:k][there]].astype(np.int32)
        scores: F32 = found[:k][there]
        if not self._slots:
            return rows, scores
        fresh = len(self._slots)
        rows = np.concatenate([rows, self._fresh_rows[:fresh]])
        scores = np.concatenate([scores, self._fresh_vectors[:fresh] @ vector])
        order = top_k(scores, k)
        return rows[order], scores[order]

    def snapshot(self) -> None:
        """Begin to note what changes: a new base of the present posts is about to be built."""
        self._changed = set()

    def swap(self, base: Base) -> None:
        """Put a base that was built since `snapshot` in place of the present one."""
        changed, self._changed = np.array(sorted(self._changed or ()), np.int32), None
        newest = {row: self._fresh_vectors[self._slots[row]].copy() for row in changed.tolist() if row in self._slots}
        self._base, self._slots = base, {}
        self._mask_nothing()
        self._mask(changed)
        if newest:
            self.put(np.array(list(newest), np.int32), np.stack(list(newest.values())))

    def abandon(self) -> None:
        """Forget a snapshot whose base could not be built."""
        self._changed = None

    def _mask_nothing(self) -> None:
        self._masked = 0
        self._bits: Bits = np.full(-(-len(self._base.rows) // 8), 255, np.uint8)

    def _mask(self, rows: I32) -> None:
        """Let searches of the base skip `rows`."""
        if self._changed is not None:
            self._changed.update(rows.tolist())
        at = rows_of(rows.astype(np.int64), self._base.rows)
        at = np.unique(at[at >= 0])
        at = at[self._bits[at >> 3] >> (at & 7) & 1 == 1]
        if not len(at):
            return
        np.bitwise_and.at(self._bits, at >> 3, ~(1 << (at & 7)).astype(np.uint8))
        if not self._masked:
            self._base.searcher.skip(self._bits)
        self._masked += len(at)


def build(rows: I64, vectors: F32, share: float = PROBED, device: Device = "cpu") -> Base:
    """A base of the posts `rows`, ascending, whose vectors are rows of `vectors` [P, D], of any length.

    `share`: of its lists that searches look through; `device`: where. Runs in a thread while the event loop may write
    to `vectors`: what it changes is to be put again after `swap`.
    """
    faiss.omp_set_num_threads(1)  # of this thread
    return Base.of(make_index(vectors, rows, share), rows, device)
