"""The retrieval index: a FAISS index over the posts' vectors, chosen by the size of the catalogue."""

from dataclasses import asdict, dataclass
from typing import Any

import faiss
import numpy as np

from kernels.columns import F32, I64
from training.models.post_tower import unit

#: Up to here exact search is as fast as any index, and needs no tuning.
EXACT_UP_TO = 50_000
#: Candidates that the recall is measured at, and how many posts stand in for users' vectors.
RECALL_AT, QUERIES = 300, 500


#: Vectors added at a time, and vectors a list of an inverted file is trained on.
SLICE, TRAINING = 16_384, 64


@dataclass(frozen=True, slots=True)
class IndexReport:
    kind: str  # FAISS factory string
    posts: int
    recall_at_300: float  # share of the exact neighbours that the index finds

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def build_index(vectors: F32) -> tuple[Any, IndexReport]:
    """A FAISS inner-product index over vectors [P, D], whose ids are row numbers, and what it is worth."""
    vectors = np.ascontiguousarray(vectors, np.float32)
    index = make_index(vectors, np.arange(len(vectors)))
    return index, IndexReport(_kind(len(vectors)), len(vectors), _recall(index, vectors))


def make_index(vectors: F32, rows: I64) -> Any:
    """A FAISS inner-product index over `rows` of vectors [P, D] at unit length; its ids are positions in `rows`.

    Slice by slice: no second copy of all vectors is made, and other threads get their turn.
    """
    index: Any = faiss.index_factory(vectors.shape[1], _kind(len(rows)), faiss.METRIC_INNER_PRODUCT)
    if not index.is_trained:
        index.train(unit(vectors[rows[:: max(1, len(rows) // (TRAINING * index.nlist))]]))
        index.nprobe = max(8, index.nlist // 16)
    for begin in range(0, len(rows), SLICE):
        index.add(unit(vectors[rows[begin : begin + SLICE]]))
    return index


def _kind(posts: int) -> str:
    return "Flat" if posts <= EXACT_UP_TO else f"IVF{4 * int(posts**0.5)},Flat"


def _recall(index: Any, vectors: F32) -> float:
    """Share of the exact RECALL_AT nearest posts that the index finds, over posts as queries."""
    queries = vectors[:: max(1, len(vectors) // QUERIES)]
    k = min(RECALL_AT, len(vectors))
    exact = faiss.IndexFlatIP(vectors.shape[1])
    exact.add(vectors)
    _, wanted = exact.search(queries, k)
    _, found = index.search(queries, k)
    hits = sum(len(np.intersect1d(a, b)) for a, b in zip(wanted, found, strict=True))
    return hits / max(wanted.size, 1)
