"""The users consumer: the only writer of user states.

A batch of the event log becomes new blobs, one entry of effects for the posts consumer, and its position, all in one
write of the state store.
"""

import logging
from collections.abc import Sequence
from typing import Final

from ray.util.metrics import Counter

from cluster import event_log
from cluster.effects import STREAM, encode_effects
from cluster.events import Event, Record, decode_record
from cluster.store.client import user_key
from cluster.store.fenced import FencedStore, Write
from cluster.user_state import UnreadableState, UserState, pack, unpack
from deployments.consumers.consumer import Batching, Entry
from deployments.consumers.specification import Context
from deployments.consumers.user_fold import fold, shunned_by_erased, users_of

logger = logging.getLogger(__name__)

#: How long it is remembered when a user was erased: as long as an event may come late.
ERASED_S: Final = 48 * 3600 + 600


class UsersConsumer:
    """Folds records into the states of users."""

    name = "users"
    stream = event_log.STREAM
    batching = Batching(entries=2000)

    def __init__(self, store: FencedStore, utc_offset_ms: int) -> None:
        self._store = store
        self._utc_offset_ms = utc_offset_ms
        self._position = ""
        self._unreadable = Counter("cascade_unreadable_users", "User states set aside, because they cannot be read.")

    @classmethod
    def make(cls, context: Context) -> "UsersConsumer":
        """The users consumer of a Cascade."""
        # The kernel is compiled, or its code loaded, before anyone waits for it.
        fold([Event(event_id="warm up", user_id=0, action="like", post_id=0, time_ms=1)], {0: UserState()}, {}, 0)
        store = FencedStore(context.urls.state, context.settings.store, cls.name)
        return cls(store, context.utc_offset_ms)

    def decode(self, payload: bytes) -> Record:
        return decode_record(payload)

    async def position(self) -> str:
        self._position = await self._store.position()
        return self._position

    async def apply(self, entries: Sequence[Entry[Record]], position: str) -> None:
        records = [entry.record for entry in entries]
        aside: dict[bytes, bytes] = {}
        states, known = await self._read(users_of(records), aside)
        others, _ = await self._read(shunned_by_erased(records, states), aside)
        states |= others
        folded = fold(records, states, known, self._utc_offset_ms)
        gone = {user for user in folded.erased_ms if folded.states[user] == UserState()}
        changed = {user: state for user, state in folded.states.items() if state is not states[user]}
        change = Write(
            values={user_key(user): pack(state) for user, state in changed.items() if user not in gone} | aside,
            deleted=[*map(user_key, gone), *map(_aside_key, folded.erased_ms)],
            brief={_erased_key(user): (ERASED_S, b"%d" % ms) for user, ms in folded.erased_ms.items()},
            stream=STREAM,
            entry=encode_effects(folded.effects) if folded.effects.posts else b"",
        )
        await self._store.write(self._position, position, change)
        self._position = position
        if aside:
            self._unreadable.inc(len(aside))

    async def _read(
        self, users: Sequence[int], aside: dict[bytes, bytes]
    ) -> tuple[dict[int, UserState], dict[int, int]]:
        """States of users, and when those of them were erased who lately were."""
        stored = await self._store.read([*map(user_key, users), *map(_erased_key, users)])
        blobs, erased = stored[: len(users)], stored[len(users) :]
        states = {user: _state(user, blob, aside) for user, blob in zip(users, blobs, strict=True)}
        return states, {user: int(ms) for user, ms in zip(users, erased, strict=True) if ms is not None}

    async def close(self) -> None:
        await self._store.close()


def _state(user: int, blob: bytes | None, aside: dict[bytes, bytes]) -> UserState:
    """The state of a blob; one that cannot be read is put into `aside`, and the user begins anew."""
    if blob is None:
        return UserState()
    try:
        return unpack(blob)
    except UnreadableState as error:
        logger.error("the state of user %d is set aside: %s", user, error)
        aside[_aside_key(user)] = blob
        return UserState()


def _erased_key(user: int) -> bytes:
    """Where it is kept for a while when a user was erased."""
    return b"erased:%d" % user


def _aside_key(user: int) -> bytes:
    """Where a blob is kept that could not be read."""
    return b"aside:u:%d" % user
