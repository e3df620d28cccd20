"""From records of the event log to changed user states and their effects on posts. No I/O."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np

from cluster.effects import EffectBatch
from cluster.events import Erasure, Event, Profile, Record
from cluster.user_state import FEWER, FEWER_KEPT, UserState
from cluster.user_tables import dump_state, load_states
from cluster.vocabulary import stable_id
from kernels.actions import ACTIONS
from kernels.fold import CLEAR, IMPRESSION, NOBODY, VIEW, Events, empty_effects, fold_users
from training.features.log import watch_seconds

#: What each action is to the fold. Relations that are no label of a post are not in here.
_CODES: Final = {
    "impression": IMPRESSION,
    "view": VIEW,
    **{action: bit for bit, action in enumerate(ACTIONS)},
    **{f"un{action}": CLEAR + bit for bit, action in enumerate(ACTIONS)},
}
#: Relation -> the list of author ids that it changes, and whether it takes out of it.
_RELATIONS: Final = {
    "follow": ("following_ids", False),
    "close_friend": ("close_ids", False),
    "block": ("blocked_ids", False),
    "mute": ("muted_ids", False),
    "unfollow": ("following_ids", True),
    "unclose_friend": ("close_ids", True),
    "unblock": ("blocked_ids", True),
    "unmute": ("muted_ids", True),
}
#: Relations that the other side feels too, and the list of theirs that is changed.
_MUTUAL: Final = {
    "block": "blocked_by_ids",
    "unblock": "blocked_by_ids",
    "mute": "muted_by_ids",
    "unmute": "muted_by_ids",
}
#: What says that the user wants to see fewer of an author.
_NEGATIVE: Final = ("hide", "report")


@dataclass(frozen=True, slots=True)
class Folded:
    """What a batch of records made of the users' states."""

    states: dict[int, UserState]
    erased_ms: dict[int, int]  # when those users were erased whom the batch erased
    effects: EffectBatch


def users_of(records: Sequence[Record]) -> list[int]:
    """Every user whose state the records may change, once."""
    users = {record.user_id for record in records}
    for record in records:
        if isinstance(record, Event) and record.action in _MUTUAL and record.author_id is not None:
            users.add(record.author_id)
    return sorted(users)


def shunned_by_erased(records: Sequence[Record], states: Mapping[int, UserState]) -> list[int]:
    """Users beyond `states` whose state the records change too: those whom an erased user has blocked or muted."""
    erased = {record.user_id for record in records if isinstance(record, Erasure)}
    return sorted({author for user in erased for author, _ in _shunned(states[user])} - states.keys())


def fold(
    records: Sequence[Record], states: Mapping[int, UserState], erased_ms: Mapping[int, int], utc_offset_ms: int
) -> Folded:
    """Fold records, in the order of the log.

    `states`: of all users of `users_of` and `shunned_by_erased`. `erased_ms`: when those users were erased who lately
    were: what happened to them before that counts no more, however late it is told.
    """
    states, erased = dict(states), dict(erased_ms)
    events: list[Event] = []
    for record in records:
        match record:
            case Erasure(user_id=user, time_ms=time_ms):
                for author, field in _shunned(states[user]):
                    states[author] = _changed(states[author], field, user, True)
                # What the batch held of the user so far is forgotten before it was known.
                states[user], erased[user] = UserState(), time_ms
                events = [event for event in events if event.user_id != user]
            case Profile():
                states[record.user_id] = _with_profile(states[record.user_id], record)
            case Event() if record.time_ms >= erased.get(record.user_id, 0):
                _relate(states, record)
                _see_fewer(states, record)
                if record.post_id is not None and record.action in _CODES:
                    events.append(record)
    states, effects = _with_events(states, events, utc_offset_ms)
    return Folded(states, {user: ms for user, ms in erased.items() if erased_ms.get(user) != ms}, effects)


def _with_profile(state: UserState, profile: Profile) -> UserState:
    given = {name: getattr(profile, name) for name in ("created_ms", "followers", "following", "region")}
    return msgspec.structs.replace(state, **{name: value for name, value in given.items() if value is not None})


def _relate(states: dict[int, UserState], event: Event) -> None:
    """Change the relations that `event` begins or ends."""
    if event.action not in _RELATIONS or event.author_id is None:
        return
    field, ends = _RELATIONS[event.action]
    states[event.user_id] = _changed(states[event.user_id], field, event.author_id, ends)
    if event.action == "close_friend":  # of whom one follows
        states[event.user_id] = _changed(states[event.user_id], "following_ids", event.author_id, False)
    if event.action == "unfollow":
        states[event.user_id] = _changed(states[event.user_id], "close_ids", event.author_id, True)
    if event.action in _MUTUAL:
        theirs = _MUTUAL[event.action]
        states[event.author_id] = _changed(states[event.author_id], theirs, event.user_id, ends)


def _see_fewer(states: dict[int, UserState], event: Event) -> None:
    """Note whose post was hidden or reported; the same post counts once."""
    if event.action not in _NEGATIVE or event.author_id is None or event.post_id is None:
        return
    state = states[event.user_id]
    before = np.frombuffer(state.fewer, FEWER)
    if event.post_id not in before["post_id"]:
        entry = np.array([(event.author_id, event.post_id, event.time_ms // 1000)], FEWER)
        kept = np.concatenate([before, entry])[-FEWER_KEPT:]
        states[event.user_id] = msgspec.structs.replace(state, fewer=kept.tobytes())


def _shunned(state: UserState) -> list[tuple[int, str]]:
    """Whom a user has blocked or muted, and the list of theirs that says so."""
    blocked = [(author, _MUTUAL["block"]) for author in _ids(state.blocked_ids)]
    return blocked + [(author, _MUTUAL["mute"]) for author in _ids(state.muted_ids)]


def _ids(packed: bytes) -> list[int]:
    ids: list[int] = np.frombuffer(packed, np.int64).tolist()
    return ids


def _changed(state: UserState, field: str, author_id: int, ends: bool) -> UserState:
    """`state` with an id put at the end of a list, or taken out of it."""
    ids = np.frombuffer(getattr(state, field), np.int64)
    kept = ids[ids != author_id]
    return msgspec.structs.replace(state, **{field: (kept if ends else np.append(kept, np.int64(author_id))).tobytes()})


def _with_events(
    states: dict[int, UserState], records: Sequence[Event], utc_offset_ms: int
) -> tuple[dict[int, UserState], EffectBatch]:
    """States with what people did with posts, and the effects on these."""
    users = sorted({record.user_id for record in records})
    row = {user: u for u, user in enumerate(users)}
    columns, seen = load_states([states[user] for user in users])
    events = Events(
        user=np.array([row[record.user_id] for record in records], np.int32),
        post=np.array([record.post_id for record in records], np.int64),
        author=np.array([NOBODY if record.author_id is None else record.author_id for record in records], np.int64),
        topic=np.array([stable_id(record.topic) for record in records], np.int64),
        time_ms=np.array([record.time_ms for record in records], np.int64),
        code=np.array([_CODES[record.action] for record in records], np.int32),
        watch_s=watch_seconds(np.array([record.watch_ms or 0 for record in records], np.float32)),
    )
    effects = empty_effects(len(records))
    n = fold_users(columns, seen, events, utc_offset_ms, effects)
    at = effects.event[:n]
    regions = np.array([stable_id(record.region) for record in records], np.int64)
    return (
        states | {user: dump_state(states[user], columns, seen, u) for user, u in row.items()},
        EffectBatch.of(
            events.post[at],
            events.author[at],
            events.topic[at],
            regions[at],
            effects.column[:n],
            effects.amount[:n],
            effects.time_ms[:n],
        ),
    )
