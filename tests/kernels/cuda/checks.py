"""CUDA kernels beside those for the CPU. Run as a program by Numba's simulator, or on the GPU that there is."""

import sys

import numpy as np

from kernels.assembly import WIDTH
from kernels.assembly_numpy import assemble_numpy
from kernels.boosts import RerankPosts, RerankRules, nobody
from kernels.columns import HOUR_MS
from kernels.cuda.assembly import DeviceAssembler
from kernels.cuda.rerank import rerank_batch
from kernels.rerank_numpy import rerank_numpy
from tests.kernels.columns import random_contexts, random_posts, random_users
from tests.kernels.reranking import plain, viewer_of


def assembly(seed: int, rtol: float) -> None:
    """The same rows as the twin, of several requests of the same and of other users, some without candidates."""
    rng = np.random.default_rng(seed)
    posts, users = random_posts(rng, 20, 6), random_users(rng, 3, 20, 6)
    contexts, candidates = random_contexts(rng, 4, 3), int(rng.integers(0, 15))
    offsets = np.sort(np.concatenate([[0, candidates], rng.integers(0, candidates + 1, 3)]))
    rows = rng.integers(0, 20, candidates).astype(np.int32)
    twin = np.empty((candidates, WIDTH), np.float32)
    assemble_numpy(users, contexts, posts, offsets, rows, twin)
    found = DeviceAssembler(posts).assemble(users, contexts, offsets, rows).copy_to_host()
    np.testing.assert_allclose(found, twin, rtol=rtol, atol=rtol)


def reranking(seed: int, rtol: float) -> None:
    """The same feeds as the twin, of several requests with other numbers of candidates, some without a score."""
    rng = np.random.default_rng(seed)
    rules = RerankRules(
        fresh_ms=HOUR_MS,
        fresh_boost=0.1,
        close_boost=0.2,
        served_ms=HOUR_MS,
        served_decay=0.8,
        served_floor=0.4,
        author_decay=0.5,
        author_decay_floor=0.25,
        diversity=0.2,
        diversity_window=5,
        author_cap=int(rng.integers(1, 3)),
        author_cap_window=8,
        kind_run=int(rng.integers(1, 4)),
        kind_share=0.5,
        kind_window=8,
        new_share=0.25,
    )
    posts = [candidates(rng, int(count)) for count in rng.integers(0, 60, 3)]
    viewers = [viewer_of([1], [(2, 1000), (-1, 0)]), nobody(), viewer_of([], [(0, HOUR_MS)])]
    limit = int(rng.integers(0, 15))
    for found, its, viewer in zip(rerank_batch(posts, viewers, rules, limit), posts, viewers, strict=True):
        for one, other in zip(found, rerank_numpy(its, viewer, rules, limit), strict=True):
            np.testing.assert_allclose(one, other, rtol=rtol, atol=rtol)


def candidates(rng: np.random.Generator, count: int) -> RerankPosts:
    """Few authors and types, a few scores that are none, and many that are equal."""
    scores = rng.choice([0.5, 0.25, -1.0, np.nan, *rng.normal(size=8)], count).astype(np.float32)
    made = plain(scores, authors=rng.integers(0, 6, count), new=rng.random(count) < 0.2)
    content = rng.normal(size=(count, 4)).astype(np.float32)
    content /= np.linalg.norm(content, axis=1, keepdims=True)
    kinds = rng.integers(0, 3, count).astype(np.int16)
    return made._replace(content=content, kinds=kinds, age_ms=rng.integers(0, 3 * HOUR_MS, count))


CHECKS = {"assembly": assembly, "reranking": reranking}

if __name__ == "__main__":
    name, seeds, rtol = sys.argv[1], range(int(sys.argv[2])), float(sys.argv[3])
    for seed in seeds:
        CHECKS[name](seed, rtol)
