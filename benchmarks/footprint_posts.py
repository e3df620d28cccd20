"""What posts take in a feed server, by the size of the catalogue: memory, and the time of a search for neighbours."""

import ctypes
import gc
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Final

import faiss
import msgspec
import numpy as np
import psutil

from cluster.post_table import PostTable, columns_at
from cluster.settings import Catalogue as Limits
from deployments.catalogue.catalogue import Catalogue
from deployments.loaded_release import LoadedRelease
from kernels.columns import F32
from training.models.post_tower import unit
from training.release.index import build_index

#: Posts asked for by a search, and searches that are timed.
NEAREST: Final = 300
SEARCHES: Final = 200
#: Centres that synthetic vectors lie around, and how far from them.
CENTRES: Final = 1000
SPREAD: Final = 0.5


class CatalogueCost(msgspec.Struct, frozen=True):
    """A catalogue of `posts` under one release. Bytes are per post."""

    posts: int
    dim: int
    kind: str
    """FAISS factory string without the number of lists."""
    index: float
    """Bytes in the FAISS index."""
    columns: float
    """Bytes in all else that a replica keeps of a post."""
    search_ms: float
    """Median CPU of a search for the 300 nearest, one thread."""
    build_s: float


class ReleaseBytes(msgspec.Struct, frozen=True):
    """Of the release's arrays, which are memory-mapped and shared by all replicas of a node."""

    user: float
    post: float


def measure_catalogue(release: LoadedRelease, posts: int) -> CatalogueCost:
    """Serve `posts` posts, copies of those of `release` under new ids with vectors of their own."""
    dim = release.index.d
    vectors = synthetic_vectors(posts, dim)
    began = time.perf_counter()
    index, _ = build_index(vectors, unit(synthetic_vectors(SEARCHES, dim, seed=2)))
    build_s = time.perf_counter() - began
    larger = replace(
        release,
        posts=_repeated(release.posts, posts),
        index=index,
        user_tower=replace(release.user_tower, history_vectors=vectors),
    )
    return_spare_memory()
    before = psutil.Process().memory_full_info().uss
    catalogue = Catalogue(larger, Limits())
    grown = psutil.Process().memory_full_info().uss - before
    search_ms = time_search(catalogue, dim)
    return CatalogueCost(
        posts=posts,
        dim=dim,
        kind="IVF,SQfp16" if isinstance(index, faiss.IndexIVF) else "Flat",
        index=round(len(faiss.serialize_index(index)) / posts, 1),
        columns=round(grown / posts, 1),
        search_ms=round(search_ms, 4),
        build_s=round(build_s, 1),
    )


def return_spare_memory() -> None:
    """Give the system what this process has freed: else what comes next may grow into it, and seem to need nothing."""
    gc.collect()
    if sys.platform == "linux":
        ctypes.CDLL(None).malloc_trim(0)


def time_search(catalogue: Catalogue, dim: int) -> float:
    """Median CPU of a search, in milliseconds."""
    faiss.omp_set_num_threads(1)
    times = []
    for query in unit(synthetic_vectors(SEARCHES, dim, seed=1)):
        began = time.thread_time()
        catalogue.search(query, NEAREST)
        times.append(time.thread_time() - began)
    return float(np.median(times)) * 1e3


def measure_release(folder: Path, users: int, posts: int) -> ReleaseBytes:
    """Bytes a user and a post in the arrays of the release in `folder`: those with a row for each, or one more."""
    sums = {users: 0, posts: 0}
    for path in folder.rglob("*.npy"):
        array = np.load(path, mmap_mode="r")
        for rows in sums:
            if array.ndim and rows <= len(array) <= rows + 1:
                sums[rows] += array.nbytes
    return ReleaseBytes(user=round(sums[users] / users, 1), post=round(sums[posts] / posts, 1))


def synthetic_vectors(count: int, dim: int, seed: int = 0) -> F32:
    """float32[count, dim] around common centres, as posts of topics are; the same centres for every seed."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(0).normal(size=(CENTRES, dim)).astype(np.float32)
    vectors: F32 = centres[rng.integers(CENTRES, size=count)]
    vectors += SPREAD * rng.standard_normal((count, dim), np.float32)
    return vectors


def _repeated(table: PostTable, posts: int) -> PostTable:
    """A table of so many posts, rows of `table` again and again; authors stay as they are."""
    rows = np.arange(posts) % len(table)
    return PostTable(np.arange(posts, dtype=np.int64), table.author_ids, columns_at(table.columns, rows))
