"""Feature assembly on a GPU: a thread a candidate, of all requests of a batch at once.

What the candidates of a request share is made on the CPU, by the kernel that is used there: it is a row a request. The
post table stays on the GPU. Letters in shapes are those of `kernels.columns`; F = len(FEATURES).
"""

from typing import Any, NamedTuple

import numpy as np
from numba import cuda

from kernels.assembly import (
    F64,
    KIND_CODES,
    WIDTH,
    History,
    affinity_features,
    history_features,
    relation_features,
    request_features,
)
from kernels.columns import CONTENT_DIM, I16, I32, I64, ContextColumns, PostColumns, UserColumns
from kernels.cuda.columns import THREADS, blocks, to_device
from kernels.decay import DAY, MONTH, WINDOWS_MS, fade
from kernels.features import AT
from kernels.jit import kernel
from kernels.post_features import post_features


class Shared(NamedTuple):
    """What candidates share: those of each of R requests, and of histories with H entries together."""

    features: F64  # [R, F]
    kinds: F64  # [R, KIND_CODES]
    liked: F64  # [R, E]
    positives: I64  # [R]
    author: I32  # [H]
    topic: I16  # [H]
    positive: I64  # [H]


class DeviceAssembler:
    """Assembles on the current GPU, from a post table that is copied there once."""

    def __init__(self, posts: PostColumns) -> None:
        self._posts = posts
        self._on_device = to_device(posts)

    def assemble(self, users: UserColumns, contexts: ContextColumns, offsets: I64, rows: I32) -> Any:
        """The feature matrix of R requests, on the GPU: float32[C, F]. Arguments as of `kernels.assembly.assemble`."""
        requests, entries = len(offsets) - 1, len(users.history_post)
        shared = Shared(
            features=np.zeros((requests, WIDTH)),
            kinds=np.zeros((requests, KIND_CODES)),
            liked=np.zeros((requests, CONTENT_DIM)),
            positives=np.zeros(requests, np.int64),
            author=np.zeros(entries, np.int32),
            topic=np.zeros(entries, np.int16),
            positive=np.zeros(entries, np.int64),
        )
        _share(users, contexts, self._posts, shared)
        out = cuda.device_array((len(rows), WIDTH), np.float32)
        if len(rows):
            request = np.repeat(np.arange(requests, dtype=np.int32), np.diff(offsets))
            columns = (to_device(users), to_device(contexts), self._on_device, to_device(shared))
            _fill[blocks(len(rows)), THREADS](*columns, cuda.to_device(request), cuda.to_device(rows), out)
        return out


@kernel
def _share(users: UserColumns, contexts: ContextColumns, posts: PostColumns, shared: Shared) -> None:
    """Fill `shared`, which is 0."""
    for r in range(len(contexts.user)):
        u = contexts.user[r]
        history = request_features(users, contexts, r, posts, shared.features[r], shared.kinds[r], shared.liked[r])
        begin, end = users.history_begin[u], users.history_end[u]
        shared.author[begin:end] = history.author
        shared.topic[begin:end] = history.topic
        shared.positive[begin:end] = history.positive
        shared.positives[r] = history.positives


@cuda.jit  # type: ignore[untyped-decorator]
def _fill(
    users: UserColumns,
    contexts: ContextColumns,
    posts: PostColumns,
    shared: Shared,
    request: I32,
    rows: I32,
    out: Any,
) -> None:
    """Write a candidate's row; `request` [C] says whose it is."""
    i = cuda.grid(1)
    if i >= len(rows):
        return
    r, p, x = request[i], rows[i], out[i]
    u, now, known = contexts.user[r], contexts.time_ms[r], contexts.known_ms[r]
    begin, end = users.history_begin[u], users.history_end[u]
    history = History(
        users.history_post[begin:end],
        shared.author[begin:end],
        shared.topic[begin:end],
        users.history_time_ms[begin:end],
        shared.positive[begin:end],
        shared.positives[r],
    )
    for f in range(WIDTH):
        x[f] = shared.features[r, f]
    author, topic, kind = posts.author[p], posts.topic[p], posts.kind[p]
    post_features(posts, p, now, known, x)
    history_features(history, author, topic, p, now, x)
    x[AT.kind_match] = shared.kinds[r, kind] / history.positives if kind > 0 and history.positives > 0 else 0.0
    affinity = 0.0
    for e in range(CONTENT_DIM):
        affinity += shared.liked[r, e] * np.float64(posts.content[p, e])
    x[AT.content_affinity] = affinity
    age = known - users.counted_ms[u]
    affinity_features(users, u, author, topic, fade(age, WINDOWS_MS[DAY]), fade(age, WINDOWS_MS[MONTH]), x)
    relation_features(users, u, posts, p, now, x)
