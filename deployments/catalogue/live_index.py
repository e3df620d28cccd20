"""The live index: a FAISS index that is never changed while it is searched, and what has changed since it was built."""

from dataclasses import dataclass
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from cluster.post_table import rows_of
from kernels.columns import F32, I32, I64
from kernels.topk import top_k
from training.release.index import PROBED, make_index, probed


@dataclass(frozen=True, slots=True)
class Base:
    """A FAISS inner-product index over n unit vectors, whose ids are positions, and the post row of each."""

    index: Any
    rows: I64  # [n] ascending


class LiveIndex:
    """Posts by the nearness of their vectors: the base without what was removed, and a fresh segment searched exactly.

    Belongs to one event loop. `snapshot`, `build` (in a thread) and `swap` make a new base of it all, while it goes on.
    """

    def __init__(self, base: Base) -> None:
        dim = base.index.d
        self._base = base
        self._fresh_rows = np.zeros(64, np.int32)
        self._fresh_vectors = np.zeros((64, dim), np.float32)
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
        """Share of its lists that a search looks through; what is usual where the base has none."""
        return probed(self._base.index) if isinstance(self._base.index, faiss.IndexIVF) else PROBED

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
        return self.nearest(vector, k)[0]

    def nearest(self, vector: F32, k: int) -> tuple[I32, F32]:
        """Rows of the up to `k` posts nearest to the unit vector [D], the nearest first, and their scores."""
        found, at = self._base.index.search(vector[None], k, params=self._parameters)
        there = at[0] >= 0
        rows: I32 = self._base.rows[at[0][there]].astype(np.int32)
        scores: F32 = found[0][there]
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
        self._bits: NDArray[np.uint8] = np.full(-(-len(self._base.rows) // 8), 255, np.uint8)
        self._parameters: Any = None  # a search without a selector is quicker

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
        self._masked += len(at)
        if self._parameters is None:
            self._parameters = _skipping(self._base.index, self._bits)


def build(rows: I64, vectors: F32, share: float = PROBED) -> Base:
    """A base of the posts `rows`, ascending, whose vectors are rows of `vectors` [P, D], of any length.

    `share`: of its lists that searches look through. Runs in a thread while the event loop may write to `vectors`: what
    it changes is to be put again after `swap`.
    """
    faiss.omp_set_num_threads(1)  # of this thread
    return Base(make_index(vectors, rows, share), rows)


def _skipping(index: Any, bits: NDArray[np.uint8]) -> Any:
    """Search parameters of `index` that skip the positions whose bit is 0; FAISS reads `bits` at each search."""
    wrapped: Any = faiss  # what FAISS's Python wrapper takes is not what its type stubs say
    selector = wrapped.IDSelectorBitmap(bits)
    if isinstance(index, faiss.IndexIVF):
        return wrapped.SearchParametersIVF(sel=selector, nprobe=index.nprobe)
    return wrapped.SearchParameters(sel=selector)
