"""What is set, known and forgotten of single users.

Changes go to the event log; the users consumer, which alone writes states, applies them a moment later.
"""

import asyncio
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Final
from uuid import uuid4

import msgspec

from cluster.clock import Clock
from cluster.errors import InvalidField, NotFound, Unreadable
from cluster.event_intake import MAX_AHEAD_MS
from cluster.event_log import EventLog
from cluster.events import Erasure, Event, Profile, Record
from cluster.store.breaker import StoreUnavailable
from cluster.store.client import OnlineStore
from cluster.store.consumers import Consumers
from cluster.store.stream import order
from cluster.user_export import export, relations
from cluster.user_state import UserState, unpack
from cluster.users import RELATIONS, Appended, Erased, ProfileChange, Relations, UserExport
from cluster.vocabulary import stable_id
from cluster.wire import decode
from deployments.api.pressure import Pressure
from deployments.consumers.users import UsersConsumer

#: How long an answer may wait for that consumer, and how often it looks, in seconds.
PATIENCE_S: Final = 2.0
LOOK_S: Final = 0.02

_PROFILE = msgspec.json.Decoder(ProfileChange)


class UserService:
    """`topics` tells those whose names are known at the moment. Methods raise StoreUnavailable when a store is gone,
    and those that change something, but erasures, Overloaded while consumers are behind.

    Connections are shared by all tasks of one event loop.
    """

    def __init__(
        self,
        log: EventLog,
        pressure: Pressure,
        store: OnlineStore,
        consumers: Consumers,
        clock: Clock,
        topics: Callable[[], Iterable[str]],
    ) -> None:
        self._log = log
        self._pressure = pressure
        self._store = store
        self._consumers = consumers
        self._clock = clock
        self._topics = topics

    async def set_profile(self, user_id: int, body: bytes) -> Appended:
        """Set what a JSON ProfileChange names. Raises InvalidField, so for an account of the future."""
        self._check_pressure()
        change = decode(_PROFILE, body)
        now_ms = self._clock.now_ms()
        latest = now_ms + MAX_AHEAD_MS
        if change.created_ms is not None and change.created_ms > latest:
            allowed = (
                f"must be at most {latest}, five minutes after the present feed time, `feed_time_ms` of /v1/status"
            )
            raise InvalidField("created_ms", change.created_ms, allowed)
        profile = Profile(
            user_id=user_id,
            time_ms=now_ms,
            created_ms=change.created_ms,
            followers=change.followers,
            following=change.following,
            region=change.region,
        )
        return Appended(await self._append(profile))

    async def relate(self, user_id: int, kind: str, author_id: int) -> Appended:
        """Begin a relation; one that is there stays. Raises InvalidField: of an unknown kind, or to oneself."""
        self._check_pressure()
        _check_kind(kind)
        if author_id == user_id:
            raise InvalidField("author_id", author_id, "must be somebody else than the user")
        return Appended(await self._append(self._relation(user_id, kind, author_id)))

    async def unrelate(self, user_id: int, kind: str, author_id: int) -> Appended:
        """End a relation. Raises InvalidField for an unknown kind, NotFound for a relation that is not there."""
        self._check_pressure()
        _check_kind(kind)
        if not await self._is_related(user_id, kind, author_id):
            raise NotFound("author_id", author_id, f"must be one of the authors under `{kind}` in the user's relations")
        return Appended(await self._append(self._relation(user_id, f"un{kind}", author_id)))

    async def relations(self, user_id: int) -> Relations:
        """The user's relations; nobody's are empty. Raises Unreadable."""
        state = await self._state(user_id)
        try:
            return relations(state or UserState())
        except ValueError as error:
            raise _unreadable(user_id, error) from error

    async def export(self, user_id: int) -> UserExport:
        """Everything that is stored of a user. Raises NotFound when that is nothing, or Unreadable."""
        state = await self._state(user_id)
        if state is None:
            raise NotFound("user_id", user_id, "must be a user of whom something is stored")
        try:
            return export(user_id, state, {stable_id(topic): topic for topic in self._topics()})
        except ValueError as error:
            raise _unreadable(user_id, error) from error

    async def erase(self, user_id: int) -> Erased:
        """Forget a user; waits a moment for it to be applied."""
        position = await self._append(Erasure(user_id=user_id, time_ms=self._clock.now_ms()))
        with suppress(StoreUnavailable):  # it expires within minutes by itself
            await self._store.forget_shown(user_id)
        return Erased(
            erased=await self._is_applied(position),
            log_position=position,
            archive=f"run `cascade data forget --user {user_id}`: it removes the user's records from log and archive",
        )

    def _check_pressure(self) -> None:
        self._pressure.check("send the same again")

    async def _append(self, record: Record) -> str:
        [position] = await self._log.append([record])
        assert position is not None, "every record of ours is new"
        return position

    def _relation(self, user_id: int, action: str, author_id: int) -> Event:
        now_ms = self._clock.now_ms()
        return Event(event_id=uuid4().hex, user_id=user_id, action=action, author_id=author_id, time_ms=now_ms)

    async def _is_related(self, user_id: int, kind: str, author_id: int) -> bool:
        """Whether a relation is there, or may be: what was appended before must be applied to know that it is not."""
        try:
            if author_id in getattr(await self.relations(user_id), kind):
                return True
            if not await self._is_applied((await self._log.positions()).last):
                return True
            return author_id in getattr(await self.relations(user_id), kind)
        except (StoreUnavailable, Unreadable):
            return True

    async def _is_applied(self, position: str) -> bool:
        """Whether states hold what was appended up to `position`; waits for it for at most PATIENCE_S."""
        deadline = time.monotonic() + PATIENCE_S
        try:
            while order(await self._consumers.position(UsersConsumer.name)) < order(position):
                if time.monotonic() > deadline:
                    return False
                await asyncio.sleep(LOOK_S)
        except StoreUnavailable:
            return False
        return True

    async def _state(self, user_id: int) -> UserState | None:
        """The stored state. Raises Unreadable."""
        blob = await self._store.read_user(user_id)
        try:
            return None if blob is None else unpack(blob)
        except ValueError as error:
            raise _unreadable(user_id, error) from error


def _check_kind(kind: str) -> None:
    if kind not in RELATIONS:
        raise InvalidField("kind", kind[:100], "must be one of " + ", ".join(RELATIONS))


def _unreadable(user_id: int, error: ValueError) -> Unreadable:
    remedy = "the next event of the user sets it aside and begins anew, DELETE removes it"
    return Unreadable("user_id", user_id, f"what is stored of the user cannot be read: {error}; {remedy}")
