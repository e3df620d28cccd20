"""The kernels' serving-size inputs: what each is given, what it is compared with, what it must touch at least."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import xgboost

from benchmarks.kernel_inputs import NOW_MS, random_context, random_posts, random_users
from cluster.ranking_rules import rerank_rules
from cluster.rules import Rules
from kernels.assembly import WIDTH, assemble
from kernels.assembly_numpy import assemble_numpy
from kernels.boosts import RerankPosts, RerankViewer
from kernels.columns import CONTENT_DIM, DAY_MS, F32, HOUR_MS, I64, PostColumns, UserColumns
from kernels.fold import (
    IMPRESSION,
    VIEW,
    Effects,
    Events,
    SeenPosts,
    empty_effects,
    empty_seen,
    empty_users,
    fold_users,
)
from kernels.fold_numpy import User, fold_users_numpy
from kernels.merge import merge_sources, merge_sources_numpy
from kernels.rerank import rerank
from kernels.rerank_numpy import rerank_numpy
from kernels.topk import top_k, top_k_numpy
from kernels.trees import Forest, predict_forest, predict_forest_numpy
from kernels.utility import utility, utility_numpy
from training.models.forest import forest_from_xgboost

#: Posts brought by each source, kept by the merge, ranked, and shown.
SOURCES: Final = (350, 250, 100)
RAW, PRERANKED, RANKED, SHOWN = 600, 300, 100, 50
#: Candidates of re-ranking, of so many authors; close friends of the user.
RERANKED, RERANKED_AUTHORS, CLOSE = 500, 100, 20
POSTS, AUTHORS, HISTORY, FOLLOWS = 100_000, 20_000, 128, 200
TREES, DEPTH, HEADS = 100, 6, 11
#: Different inputs that take turns, so that no branch is learnt by heart.
VARIANTS: Final = 16
#: A batch of the users consumer.
FOLDED, FOLDED_USERS = 1000, 200


@dataclass(frozen=True, slots=True)
class Case:
    """A kernel at serving size. `touched` bytes and `loads` are the least that its task needs."""

    size: str
    kernel: Callable[..., object]
    twin: Callable[..., object]
    arguments: tuple[tuple[Any, ...], ...]
    touched: int
    within: int = 0  # bytes of the table that the touched ones are strewn over; default: they lie close together
    loads: int = 0
    references: Mapping[str, Callable[..., object]] = field(default_factory=dict)


def assembly_case(rng: np.random.Generator) -> Case:
    posts = random_posts(rng, POSTS, AUTHORS)
    users = random_users(rng, VARIANTS, HISTORY, FOLLOWS, posts)
    offsets = np.array([0, PRERANKED])
    out = np.empty((PRERANKED, WIDTH), np.float32)

    def one(user: int) -> tuple[Any, ...]:
        context = random_context(rng, user)
        return users, context, posts, offsets, rng.integers(0, POSTS, PRERANKED, np.int32), out

    author = posts.author_counts[0, 0].nbytes + posts.author_counted_ms[0].nbytes + posts.author_posts[0].nbytes
    per_post = sum(column[0].nbytes for column in posts[: PostColumns._fields.index("author_counts")]) + author
    per_event = 4 + 8 + 2 + posts.content[0].nbytes + 3 * 2 + 4  # the event, and its post's content and codes
    lists = (users.daily, users.hours, users.counts, users.author, users.topic)
    per_user = sum(column[0].nbytes for column in lists) + HISTORY * per_event + FOLLOWS * 5
    return Case(
        size=f"{PRERANKED} posts x {WIDTH} features, history {HISTORY}",
        kernel=assemble,
        twin=assemble_numpy,
        arguments=tuple(one(user) for user in range(VARIANTS)),
        touched=PRERANKED * per_post + per_user + out.nbytes,
        within=sum(column.nbytes for column in posts),
    )


def trees_case(rng: np.random.Generator) -> Case:
    x = rng.normal(size=(4000, WIDTH)).astype(np.float32)
    label = (x[:, :20].sum(axis=1) + rng.normal(size=len(x)) > 0).astype(np.float32)
    options = {"objective": "binary:logistic", "max_depth": DEPTH, "min_child_weight": 0, "nthread": 1}
    booster = xgboost.train(options, xgboost.DMatrix(x, label), TREES)
    forest = forest_from_xgboost(booster)
    out = np.empty(PRERANKED, np.float32)

    def by_xgboost(_forest: Forest, x: F32, _out: F32) -> object:
        return booster.inplace_predict(x, predict_type="margin")

    node_bytes = sum(part.itemsize for part in forest[:5])
    return Case(
        size=f"{PRERANKED} rows x {WIDTH} features, {TREES} trees of depth {DEPTH}",
        kernel=predict_forest,
        twin=predict_forest_numpy,
        arguments=tuple((forest, np.roll(x, i, axis=0)[:PRERANKED].copy(), out) for i in range(VARIANTS)),
        touched=PRERANKED * WIDTH * 4 + len(forest.left) * node_bytes + out.nbytes,
        loads=PRERANKED * int(forest.depth.sum()) * 5,  # four parts of the node and the value it tests
        references={"xgboost inplace_predict, 1 thread": by_xgboost},
    )


def top_k_case(rng: np.random.Generator) -> Case:
    def by_argpartition(scores: F32, k: int) -> I64:
        best = np.argpartition(-scores, k)[:k]
        return np.asarray(best[np.argsort(-scores[best])])

    return Case(
        size=f"{RANKED} of {PRERANKED}",
        kernel=top_k,
        twin=top_k_numpy,
        arguments=tuple((rng.normal(size=PRERANKED).astype(np.float32), RANKED) for _ in range(VARIANTS)),
        touched=PRERANKED * 4 + RANKED * 8,
        loads=PRERANKED,
        references={"np.argpartition + argsort": by_argpartition},
    )


def merge_case(rng: np.random.Generator) -> Case:
    offsets = np.cumsum([0, *SOURCES])

    def one() -> tuple[Any, ...]:
        # Long-term candidates come from the whole table, popular and fresh ones from its hot part.
        lists = [rng.choice(among, n, replace=False) for among, n in zip((POSTS, 2000, 2000), SOURCES, strict=True)]
        return np.concatenate(lists).astype(np.int32), offsets, RAW, POSTS

    return Case(
        size=f"{sum(SOURCES)} rows of {len(SOURCES)} sources to {RAW}",
        kernel=merge_sources,
        twin=merge_sources_numpy,
        arguments=tuple(one() for _ in range(VARIANTS)),
        touched=sum(SOURCES) * 4 + RAW * 8,
        loads=2 * sum(SOURCES),  # each row, and its place in the table
    )


def utility_case(rng: np.random.Generator) -> Case:
    weights, out = rng.normal(size=HEADS).astype(np.float32), np.empty(RANKED, np.float32)
    return Case(
        size=f"{RANKED} posts x {HEADS} heads",
        kernel=utility,
        twin=utility_numpy,
        arguments=tuple((rng.random((RANKED, HEADS), np.float32), weights, out) for _ in range(VARIANTS)),
        touched=RANKED * HEADS * 4 + weights.nbytes + out.nbytes,
        loads=RANKED * HEADS,
    )


def rerank_case(rng: np.random.Generator) -> Case:
    """All rules, each of which has something to do."""
    rules = rerank_rules(Rules(kind_run=4, kind_share=0.7))

    def one() -> tuple[Any, ...]:
        content = rng.normal(size=(RERANKED, CONTENT_DIM)).astype(np.float32)
        posts = RerankPosts(
            scores=rng.normal(size=RERANKED).astype(np.float32),
            authors=rng.integers(0, RERANKED_AUTHORS, RERANKED, np.int32),
            age_ms=rng.integers(0, DAY_MS, RERANKED),
            kinds=rng.choice(np.array([1, 1, 1, 1, 2, 3], np.int16), RERANKED),
            new=rng.random(RERANKED) < 0.05,
            campaigns=np.where(rng.random(RERANKED) < 0.05, 1.5, 1).astype(np.float32),
            content=content / np.linalg.norm(content, axis=1, keepdims=True),
        )
        shown = rng.integers(0, 2 * RERANKED_AUTHORS, HISTORY, np.int32)
        viewer = RerankViewer(
            close=rng.choice(RERANKED_AUTHORS, CLOSE, replace=False).astype(np.int32),
            served=shown,
            served_age_ms=rng.integers(0, DAY_MS, HISTORY),
        )
        return posts, viewer, rules, SHOWN

    per_post = 4 + 4 + 8 + 2 + 1 + 4 + 4 * CONTENT_DIM
    return Case(
        size=f"{SHOWN} of {RERANKED}, all rules",
        kernel=rerank,
        twin=rerank_numpy,
        arguments=tuple(one() for _ in range(VARIANTS)),
        touched=RERANKED * per_post + SHOWN * (8 + 4),
        loads=SHOWN * RERANKED * CONTENT_DIM // 8,  # eight cosines at a time
    )


def fold_case(rng: np.random.Generator) -> Case:
    """A batch of the users consumer, on users without a history."""
    seen, effects = empty_seen(FOLDED_USERS), empty_effects(FOLDED)
    users = empty_users(FOLDED_USERS)

    def one(variant: int) -> tuple[Any, ...]:
        posts = rng.integers(0, POSTS, FOLDED)
        events = Events(
            user=rng.integers(0, FOLDED_USERS, FOLDED, np.int32),
            post=posts,
            author=posts % AUTHORS,
            topic=posts % 200 + 1,
            time_ms=NOW_MS + variant * HOUR_MS + np.arange(FOLDED),
            code=rng.choice(np.array([IMPRESSION, IMPRESSION, VIEW, 0], np.int32), FOLDED),
            watch_s=(rng.integers(1, 900, FOLDED) / 16).astype(np.float32),
        )
        return users, seen, events, 0, effects

    def by_kernel(users: UserColumns, seen: SeenPosts, events: Events, utc_offset_ms: int, effects: Effects) -> object:
        users.history_end[:] = users.history_begin
        return fold_users(users, seen, events, utc_offset_ms, effects)

    def by_twin(_users: UserColumns, _seen: SeenPosts, events: Events, utc_offset_ms: int, _effects: Effects) -> object:
        return len(fold_users_numpy([User() for _ in range(FOLDED_USERS)], events, utc_offset_ms))

    per_event = (
        sum(column.itemsize for column in one(0)[2]) + users.counts[0].nbytes + users.history_post[:HISTORY].nbytes
    )
    return Case(
        size=f"{FOLDED} events of {FOLDED_USERS} users",
        kernel=by_kernel,
        twin=by_twin,
        arguments=tuple(one(variant) for variant in range(VARIANTS)),
        touched=FOLDED * per_event,
        within=sum(column.nbytes for column in users),
    )


CASES: Final[Mapping[str, Callable[[np.random.Generator], Case]]] = {
    "assembly": assembly_case,
    "trees": trees_case,
    "top_k": top_k_case,
    "merge": merge_case,
    "utility": utility_case,
    "rerank": rerank_case,
    "fold": fold_case,
}
