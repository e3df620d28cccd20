"""`cascade bench retrieval`: recall against searches a second, of several kinds of indexes and sizes of catalogues."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import numpy as np
from cyclopts import Parameter
from rich.console import Console

from benchmarks.documents.retrieval import retrieval_document
from benchmarks.footprint import parse_sizes
from benchmarks.footprint_posts import synthetic_vectors
from benchmarks.machine import describe
from benchmarks.retrieval_kinds import KINDS, Kind
from benchmarks.retrieval_report import Built, Report, Searched, table
from benchmarks.telling import Dated, tell
from cluster.errors import InvalidField
from kernels.columns import F32, I64
from training.models.post_tower import unit
from training.release.index import exact_neighbours, share_found

#: Width of the vectors, as in releases, and queries whose exact neighbours are known.
DIM: Final = 64
QUERIES: Final = 200
#: Graphs take minutes to build beyond so many posts: they are measured there when they are named.
GRAPHS_UP_TO: Final = 200_000
_GRAPHS: Final = ("HNSW", "usearch HNSW")


def retrieval(
    *,
    posts: str = "100000,1000000",
    kinds: Annotated[list[str] | None, Parameter(consume_multiple=True, negative="")] = None,
    k: int = 300,
    seconds: float = 1.0,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
    out: Path | None = None,
    dated: Dated = False,
) -> None:
    """Build indexes over synthetic posts and search them on one thread. The last line is one JSON document.

    Parameters
    ----------
    posts
        Sizes of catalogues, as 100000,1000000.
    kinds
        Kinds of indexes; default: all, but graphs only up to 200,000 posts.
    k
        Neighbours searched for.
    seconds
        Time given to each effort of an index.
    as_json
        Print the JSON document only.
    out
        File that gets the document too.
    dated
        Write a dated report too, in `benchmarks/reports/`.
    """
    sizes = parse_sizes(posts)
    for name in kinds or ():
        if name not in KINDS:
            raise InvalidField("kinds", name, f"must be one of {', '.join(KINDS)}")
    if not 1 <= k <= min(sizes):
        raise InvalidField("k", k, f"must be 1 to {min(sizes)}, the smallest catalogue")
    say = Console(stderr=True).print
    built = []
    for size in sizes:
        chosen = kinds or [name for name in KINDS if size <= GRAPHS_UP_TO or name not in _GRAPHS]
        say(f"{size} posts ...")
        vectors, queries = unit(synthetic_vectors(size, DIM)), unit(synthetic_vectors(QUERIES, DIM, seed=1))
        wanted = exact_neighbours(vectors, queries, k)
        for name in chosen:
            say(f"  {name} ...")
            built.append(measure(name, vectors, queries, wanted, seconds))
    report = Report("retrieval", describe(), DIM, k, QUERIES, built)
    tell(report, None if as_json else table(report), out, retrieval_document(report) if dated else None)


def measure(name: str, vectors: F32, queries: F32, wanted: I64, seconds: float) -> Built:
    """Build an index of the kind `name` over `vectors` [P, D], and search it with more and more effort.

    `wanted`: int64[Q, k] exact neighbours of `queries` [Q, D]. It ends with the effort that finds them all.
    """
    kind, began = KINDS[name](), time.perf_counter()
    kind.build(vectors)
    build_s = time.perf_counter() - began
    searched: list[Searched] = []
    for effort in kind.efforts:
        searched.append(_searched(kind, effort, queries, wanted, seconds))
        if searched[-1].recall == 1:
            break
    return Built(
        kind=name,
        posts=len(vectors),
        build_s=round(build_s, 2),
        bytes_a_post=round(kind.bytes / len(vectors), 1),
        effort=kind.effort,
        searched=searched,
    )


def _searched(kind: Kind, effort: int, queries: F32, wanted: I64, seconds: float) -> Searched:
    k = wanted.shape[1]
    found = kind.search(queries, k, effort)
    times = one_by_one(kind, effort, queries, k, seconds)
    return Searched(
        effort=effort,
        recall=round(share_found(found, wanted), 4),
        searches_per_s=round(len(times) / sum(times), 1),
        p50_us=round(float(np.percentile(times, 50)) * 1e6, 1),
        p99_us=round(float(np.percentile(times, 99)) * 1e6, 1),
    )


def one_by_one(kind: Kind, effort: int, queries: F32, k: int, seconds: float) -> Sequence[float]:
    """Seconds that each search takes, one query at a time, as feeds ask; all queries once at least."""
    times: list[float] = []
    end = time.perf_counter() + seconds
    while len(times) < len(queries) or time.perf_counter() < end:
        query = queries[len(times) % len(queries)][None]
        began = time.perf_counter()
        kind.search(query, k, effort)
        times.append(time.perf_counter() - began)
    return times
