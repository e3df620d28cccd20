"""Replay: a log folded in order, with features assembled on the way from nothing but what came before."""

from typing import Final, NamedTuple

import numpy as np

from kernels.actions import COUNT
from kernels.assembly import assemble
from kernels.columns import F32, I32, I64, ContextColumns, PostColumns, UserColumns
from kernels.decay import MONTH, count
from kernels.fold import Effects, Events, SeenPosts, fold_users
from kernels.jit import kernel

#: Events folded at a time, by users first and then by posts; effects must have room for them.
CHUNK: Final = 1024
_IMPRESSION = COUNT["impression"]


class World(NamedTuple):
    """All state at one moment; folding changes it in place."""

    users: UserColumns
    seen: SeenPosts
    posts: PostColumns
    totals: F32  # [1, W, N] counters of all posts together
    totals_ms: I64  # [1]
    upload_ms: I64  # [P] times of publication, ascending
    upload_author: I32  # [P]
    uploaded: I64  # [1] how many of these are counted in posts.author_posts
    utc_offset_ms: int
    effects: Effects  # room for those of CHUNK events


@kernel
def publish(world: World, time_ms: int) -> None:
    """Count what authors published before `time_ms`."""
    n = world.uploaded[0]
    while n < len(world.upload_ms) and world.upload_ms[n] < time_ms:
        world.posts.author_posts[world.upload_author[n]] += 1
        n += 1
    world.uploaded[0] = n


@kernel
def fold_log(world: World, events: Events) -> None:
    """Fold events, whose ids are row numbers, into users, posts, authors and all posts together."""
    posts, effects = world.posts, world.effects
    for a in range(0, len(events.user), CHUNK):
        b = min(a + CHUNK, len(events.user))
        n = fold_users(world.users, world.seen, slice_of(events, a, b), world.utc_offset_ms, effects)
        for i in range(n):
            e, column, amount, time_ms = a + effects.event[i], effects.column[i], effects.amount[i], effects.time_ms[i]
            count(posts.counts, posts.counted_ms, events.post[e], column, amount, time_ms)
            count(posts.author_counts, posts.author_counted_ms, events.author[e], column, amount, time_ms)
            count(world.totals, world.totals_ms, 0, column, amount, time_ms)
    write_prior(world.totals, posts.prior)


@kernel
def write_prior(totals: F32, prior: F32) -> None:
    """Mean counts per impression over all posts, of the last 28 days."""
    impressions = max(np.float64(totals[0, MONTH, _IMPRESSION]), 1.0)
    for n in range(len(prior)):
        prior[n] = totals[0, MONTH, n] / impressions


@kernel
def slice_of(events: Events, a: int, b: int) -> Events:
    """Events a to b - 1."""
    return Events(
        events.user[a:b],
        events.post[a:b],
        events.author[a:b],
        events.topic[a:b],
        events.time_ms[a:b],
        events.code[a:b],
        events.watch_s[a:b],
    )


@kernel
def assemble_each(world: World, contexts: ContextColumns, rows: I32, begin: int, end: int, out: F32) -> None:
    """Write the features of requests begin to end - 1 for one post each, by the present state."""
    one = np.array([0, 1])
    for r in range(begin, end):
        context = ContextColumns(
            contexts.user[r : r + 1],
            contexts.time_ms[r : r + 1],
            contexts.known_ms[r : r + 1],
            contexts.utc_offset_ms[r : r + 1],
            contexts.surface[r : r + 1],
            contexts.device[r : r + 1],
            contexts.connection[r : r + 1],
            contexts.app_version[r : r + 1],
            contexts.region[r : r + 1],
        )
        assemble(world.users, context, world.posts, one, rows[r : r + 1], out[r : r + 1])


@kernel
def replay(world: World, events: Events, contexts: ContextColumns, rows: I32, out: F32) -> int:
    """Write the features of R requests for one post each; each knows just what happened before its own time.

    Requests and events are in order of time. Returns how many events were folded.

    Args:
        contexts: R requests.
        rows: int32[R] post rows.
        out: float32[R, F], overwritten.
    """
    folded = 0
    for r in range(len(rows)):
        known = folded
        while known < len(events.time_ms) and events.time_ms[known] < contexts.time_ms[r]:
            known += 1
        if known > folded:
            fold_log(world, slice_of(events, folded, known))
            folded = known
        publish(world, contexts.time_ms[r])
        assemble_each(world, contexts, rows, r, r + 1, out)
    return folded
