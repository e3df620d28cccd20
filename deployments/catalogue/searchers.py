"""Where a FAISS index is searched: here, or as a copy on a GPU. Both skip posts that are gone."""

from typing import Any, Final, Protocol

import faiss
import numpy as np
from numpy.typing import NDArray

from cluster.errors import CascadeError
from cluster.section import Device
from kernels.columns import F32, I64

#: FAISS's kernels for GPUs find no more neighbours than so many.
GPU_MOST: Final = 2048
#: Bytes of a GPU that FAISS may take for searches, beside the index: it asks for 1.5 GiB by itself, each time.
GPU_SCRATCH: Final = 64 << 20

Bits = NDArray[np.uint8]


class Searcher(Protocol):
    """An inner-product index over n unit vectors. Belongs to one thread."""

    def skip(self, kept: Bits) -> None:
        """Find only positions whose bit in `kept` [n / 8] is 1: bit p % 8 of byte p // 8. Later changes of it count."""
        ...

    def nearest(self, vectors: F32, k: int) -> tuple[F32, I64]:
        """Scores and positions [V, k] nearest to each of vectors[V, D], the nearest first; -1 where there are fewer."""
        ...


def searcher(index: Any, device: Device) -> Searcher:
    """Of a FAISS index on the CPU. Raises CascadeError for a GPU where there is none."""
    if device == "cpu":
        return OnCpu(index)
    if not faiss.get_num_gpus():
        raise CascadeError(
            "FAISS finds no GPU for catalogue.index_device = cuda",
            "set it to cpu, or see docs/gpu.md: the package faiss-gpu is wanted in place of faiss-cpu",
        )
    wrapped: Any = faiss
    resources = wrapped.StandardGpuResources()
    resources.setTempMemory(GPU_SCRATCH)
    return OnGpu(wrapped.index_cpu_to_gpu(resources, 0, index), resources)


class OnCpu:
    """One vector after the other: many at once are multiplied as matrices, whose sums round otherwise than those of a
    lone one.
    """

    def __init__(self, index: Any) -> None:
        self._index = index
        self._parameters: Any = None  # a search without a selector is quicker

    def skip(self, kept: Bits) -> None:
        """As `Searcher.skip`; FAISS reads the bits at each search."""
        wrapped: Any = faiss  # what FAISS's Python wrapper takes is not what its type stubs say
        selector = wrapped.IDSelectorBitmap(kept)
        if isinstance(self._index, faiss.IndexIVF):
            self._parameters = wrapped.SearchParametersIVF(sel=selector, nprobe=self._index.nprobe)
        else:
            self._parameters = wrapped.SearchParameters(sel=selector)

    def nearest(self, vectors: F32, k: int) -> tuple[F32, I64]:
        """As `Searcher.nearest`."""
        found = [self._index.search(vector[None], k, params=self._parameters) for vector in vectors]
        if len(found) == 1:
            return found[0][0], found[0][1]
        return np.concatenate([scores for scores, _ in found]), np.concatenate([at for _, at in found])


class OnGpu:
    """All vectors at once. FAISS skips nothing on GPUs: more are searched for, until enough are left.

    Beyond the nearest `GPU_MOST` nothing is found.
    """

    def __init__(self, index: Any, resources: Any = None) -> None:
        """`index`: on the GPU; `resources`: of the GPU, which are to live as long."""
        self._index = index
        self._resources = resources
        self._kept: Bits | None = None

    def skip(self, kept: Bits) -> None:
        """As `Searcher.skip`."""
        self._kept = kept

    def nearest(self, vectors: F32, k: int) -> tuple[F32, I64]:
        """As `Searcher.nearest`."""
        most = min(GPU_MOST, self._index.ntotal)
        asked = min(k, most)
        while asked:
            scores, at = self._index.search(vectors, asked)
            if self._kept is None:
                return _padded(scores, at, k)
            kept = (at >= 0) & (self._kept[at >> 3] >> (at & 7) & 1).astype(np.bool_)
            if asked == most or kept.sum(axis=1).min(initial=k) >= k:
                first = np.argsort(~kept, axis=1, kind="stable")
                at = np.where(kept, at, -1)
                return _padded(np.take_along_axis(scores, first, 1), np.take_along_axis(at, first, 1), k)
            asked = min(2 * asked, most)
        return _padded(np.zeros((len(vectors), 0), np.float32), np.zeros((len(vectors), 0), np.int64), k)


def _padded(scores: F32, at: I64, k: int) -> tuple[F32, I64]:
    """The first k columns; -1 where there are fewer."""
    missing = ((0, 0), (0, max(0, k - at.shape[1])))
    return np.pad(scores, missing)[:, :k], np.pad(at, missing, constant_values=-1)[:, :k]
