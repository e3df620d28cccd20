"""User states of a moment, as blobs: what a new online store is filled with."""

from collections.abc import Iterator

import numpy as np

from cluster.user_state import EVENT, UserState, pack
from kernels.columns import I64
from training.features.log import Log
from training.features.snapshot import users_at


def user_states(log: Log, time_ms: int) -> Iterator[tuple[int, bytes]]:
    """(user_id, blob) of every user, from everything that happened before `time_ms`."""
    state = users_at(log, time_ms)
    related = {kind: _related(log, time_ms, kind) for kind in ("follow", "close_friend", "block", "mute")}
    region = np.array(["", *log.vocabularies.region.values], dtype=object)[log.users.region]
    for u, user_id in enumerate(log.users.ids.tolist()):
        begin, end = state.history_offsets[u], state.history_offsets[u + 1]
        history = np.empty(end - begin, EVENT)
        history["post_id"] = log.posts.ids[state.history_post[begin:end]]
        history["time_ms"] = state.history_time_ms[begin:end]
        history["actions"] = state.history_actions[begin:end]
        history["watch_s"] = state.history_watch_s[begin:end]
        authors = {kind: ids[offsets[u] : offsets[u + 1]].tobytes() for kind, (ids, offsets) in related.items()}
        yield (
            user_id,
            pack(
                UserState(
                    created_ms=int(state.account_created_ms[u]),
                    followers=float(state.followers[u]),
                    following=float(state.following[u]),
                    region=region[u],
                    last_day=int(state.last_day[u]),
                    daily=state.daily[u].tobytes(),
                    hours=state.hours[u].tobytes(),
                    history=history.tobytes(),
                    following_ids=authors["follow"] + authors["close_friend"],
                    close_ids=authors["close_friend"],
                    blocked_ids=authors["block"],
                    muted_ids=authors["mute"],
                )
            ),
        )


def _related(log: Log, time_ms: int, kind: str) -> tuple[I64, I64]:
    """Author ids with a relation of `kind`, grouped by user, with offsets [U + 1]."""
    relations = log.relations
    wanted = (relations.kind == kind) & (relations.time_ms < time_ms)
    users = relations.user[wanted]
    order = np.argsort(users, kind="stable")
    offsets = np.searchsorted(users[order], np.arange(len(log.users.ids) + 1))
    return relations.author_id[wanted][order], offsets
