"""The retrieval index: a FAISS index over the posts' vectors, chosen by the size of the catalogue.

An inverted file searches the lists nearest to a query. How many of them is found out when it is built: as few as find
nearly all that an exact search finds, for queries like those of users.
"""

from dataclasses import asdict, dataclass
from typing import Any, Final

import faiss
import numpy as np

from kernels.columns import F32, I64
from training.models.post_tower import unit

#: Up to here exact search is as fast as any index, and needs no tuning.
EXACT_UP_TO: Final = 50_000
#: Candidates that the recall is measured at.
RECALL_AT: Final = 300
#: The recall that is aimed at.
RECALL: Final = 0.97
#: Share of the lists that is searched where there are no queries to find it out with.
PROBED: Final = 1 / 16

#: Vectors added at a time.
SLICE: Final = 16_384
#: Vectors that a list of an inverted file is trained on.
TRAINING: Final = 64


@dataclass(frozen=True, slots=True)
class IndexReport:
    kind: str  # FAISS factory string
    posts: int
    probed: float  # share of the lists that a search looks through; 1 for exact search
    recall_at_300: float  # share of the exact neighbours that it finds

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def build_index(vectors: F32, queries: F32) -> tuple[Any, IndexReport]:
    """A FAISS inner-product index over vectors [P, D], whose ids are row numbers, and what it is worth to `queries`.

    `queries`: float32[Q, D] vectors of users; without any, posts stand in for them.
    """
    vectors = np.ascontiguousarray(vectors, np.float32)
    index = make_index(vectors, np.arange(len(vectors)))
    if not len(queries):
        queries = vectors[:: max(1, len(vectors) // 500)]
    recall = probe(index, queries, exact_neighbours(vectors, queries, RECALL_AT))
    return index, IndexReport(kind_of(len(vectors)), len(vectors), probed(index), recall)


def make_index(vectors: F32, rows: I64, share: float = PROBED) -> Any:
    """A FAISS inner-product index over `rows` of vectors [P, D] at unit length; its ids are positions in `rows`.

    `share`: of its lists, if it has any, that a search looks through. Slice by slice: no second copy of all vectors is
    made, and other threads get their turn.
    """
    index: Any = faiss.index_factory(vectors.shape[1], kind_of(len(rows)), faiss.METRIC_INNER_PRODUCT)
    if not index.is_trained:
        index.train(unit(vectors[rows[:: max(1, len(rows) // (TRAINING * index.nlist))]]))
        index.nprobe = max(1, round(share * index.nlist))
    for begin in range(0, len(rows), SLICE):
        index.add(unit(vectors[rows[begin : begin + SLICE]]))
    return index


def kind_of(posts: int) -> str:
    """The FAISS factory string for a catalogue of so many posts. Numbers of two bytes find as much as those of four."""
    return "Flat" if posts <= EXACT_UP_TO else f"IVF{4 * int(posts**0.5)},SQfp16"


def probed(index: Any) -> float:
    """Share of its lists that a search of `index` looks through; 1 for one without lists."""
    return index.nprobe / index.nlist if isinstance(index, faiss.IndexIVF) else 1.0


def probe(index: Any, queries: F32, wanted: I64) -> float:
    """Let searches look through as few lists as find RECALL of what is `wanted` [Q, k]; returns the share they find."""
    found = recall(index, queries, wanted)
    if isinstance(index, faiss.IndexIVF):
        index.nprobe = 1
        while (found := recall(index, queries, wanted)) < RECALL and index.nprobe < index.nlist:
            index.nprobe = min(index.nlist, index.nprobe + max(1, index.nprobe // 4))
    return found


def recall(index: Any, queries: F32, wanted: I64) -> float:
    """Share of the posts `wanted` [Q, k] of each query [Q, D] that a search for as many finds."""
    return share_found(index.search(queries, wanted.shape[1])[1], wanted)


def share_found(found: I64, wanted: I64) -> float:
    """Share of the posts `wanted` [Q, k] that are among those `found` [Q, n] for the same query."""
    hits = sum(len(np.intersect1d(a, b)) for a, b in zip(wanted, found, strict=True))
    return hits / max(wanted.size, 1)


def exact_neighbours(vectors: F32, queries: F32, k: int) -> I64:
    """The k posts, or all, nearest to each query [Q, D] by unit vectors: int64[Q, min(k, P)]."""
    exact = faiss.IndexFlatIP(vectors.shape[1])
    exact.add(unit(vectors))
    wanted: I64 = exact.search(np.ascontiguousarray(queries), min(k, len(vectors)))[1]
    return wanted
