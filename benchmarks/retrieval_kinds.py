"""Kinds of indexes that are compared: FAISS's, and peers."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

import faiss
import numpy as np

from kernels.columns import F32, I64

#: Lists of an inverted file by the root of the number of posts, and vectors that each of them is trained on.
LISTS: Final = 4
TRAINING: Final = 64
#: Threads that build; one searches.
BUILDERS: Final = 2
#: Neighbours of each node of a graph, and how many are looked at to find them.
DEGREE: Final = 32
BREADTH: Final = 100


#: Lists that are searched, and nodes that are looked at: the less, the quicker and the blinder.
LISTS_SEARCHED: Final = (4, 8, 16, 32, 64, 128, 256)
NODES_LOOKED_AT: Final = (300, 400, 600, 1000)


class Kind(ABC):
    """An index by inner product. It is built once, and searched with several efforts."""

    def __init__(self, effort: str, efforts: Sequence[int]) -> None:
        self.effort = effort  # what an effort is called
        self.efforts = efforts
        self._index: Any = None

    @abstractmethod
    def build(self, vectors: F32) -> None:
        """Take in unit vectors [P, D]."""

    @abstractmethod
    def search(self, queries: F32, k: int, effort: int) -> I64:
        """Positions [Q, k] of the nearest, on one thread; -1 where there are fewer."""

    @property
    @abstractmethod
    def bytes(self) -> int:
        """What the index takes."""


class Faiss(Kind):
    """An index of FAISS."""

    def __init__(self, factory: str, effort: str = "", efforts: Sequence[int] = (0,), parameters: Any = None) -> None:
        """`factory`: FAISS's factory string, {lists} for the number of lists. `parameters`: of a search, by effort."""
        super().__init__(effort, efforts)
        self._factory = factory
        self._parameters = parameters

    @classmethod
    def lists(cls, stored: str) -> "Faiss":
        """An inverted file: the lists nearest to a query are searched, and all that is in them."""
        wrapped: Any = faiss
        parameters = partial(_by, wrapped.SearchParametersIVF, "nprobe")
        return cls("IVF{lists}," + stored, "lists", LISTS_SEARCHED, parameters)

    @classmethod
    def graph(cls) -> "Faiss":
        """A graph of neighbours in layers (Malkov and Yashunin, 2018)."""
        wrapped: Any = faiss
        return cls(f"HNSW{DEGREE}", "nodes", NODES_LOOKED_AT, partial(_by, wrapped.SearchParametersHNSW, "efSearch"))

    def build(self, vectors: F32) -> None:
        faiss.omp_set_num_threads(BUILDERS)
        factory = self._factory.format(lists=LISTS * int(len(vectors) ** 0.5))
        index: Any = faiss.index_factory(vectors.shape[1], factory, faiss.METRIC_INNER_PRODUCT)
        if not index.is_trained:
            index.train(vectors[:: max(1, len(vectors) // (TRAINING * index.nlist))])
        index.add(vectors)
        self._index = index

    def search(self, queries: F32, k: int, effort: int) -> I64:
        faiss.omp_set_num_threads(1)
        parameters = self._parameters and self._parameters(effort)
        found: I64 = self._index.search(queries, k, params=parameters)[1]
        return found

    @property
    def bytes(self) -> int:
        return len(faiss.serialize_index(self._index))


def _by(parameters: Any, name: str, effort: int) -> Any:
    return parameters(**{name: effort})


class Usearch(Kind):
    """The graph of usearch, a peer."""

    def __init__(self) -> None:
        super().__init__("nodes", NODES_LOOKED_AT)

    def build(self, vectors: F32) -> None:
        from usearch.index import Index

        dim = vectors.shape[1]
        self._index = Index(ndim=dim, metric="ip", dtype="f32", connectivity=DEGREE, expansion_add=BREADTH)
        self._index.add(np.arange(len(vectors), dtype=np.uint64), vectors, threads=BUILDERS)

    def search(self, queries: F32, k: int, effort: int) -> I64:
        self._index.expansion_search = effort
        found = np.full((len(queries), k), -1, np.int64)
        for q, query in enumerate(queries):
            keys = self._index.search(query, k, threads=1).keys
            found[q, : len(keys)] = keys
        return found

    @property
    def bytes(self) -> int:
        return int(self._index.serialized_length)


#: By the names under which they are told. Fast scan: product quantisation, four bits for two numbers, by registers.
KINDS: Final[dict[str, Callable[[], Kind]]] = {
    "Flat": partial(Faiss, "Flat"),
    "IVF,Flat": partial(Faiss.lists, "Flat"),
    "IVF,SQfp16": partial(Faiss.lists, "SQfp16"),
    "IVF,SQ8": partial(Faiss.lists, "SQ8"),
    "IVF,PQ fast scan": partial(Faiss.lists, "PQ32x4fs"),
    "HNSW": Faiss.graph,
    "usearch HNSW": Usearch,
}
