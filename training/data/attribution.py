"""From events to impressions: which action belongs to which time that a post was shown."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from kernels.actions import ACTIONS
from kernels.columns import I64

Flags = NDArray[np.bool_]

#: What takes an action back.
RETRACTIONS: Final = {"unlike": "like", "unsave": "save"}
_SHOWN: Final = ("impression", "view", *ACTIONS, *RETRACTIONS)
#: Columns that an impression has from the event that it was made of.
_OWN: Final = ("user_id", "post_id", "time_ms", "position", "surface", "device", "connection", "app_version", "region")
_NONE: Final = -1


class _Sorted(NamedTuple):
    """E events on posts, by user, post, time and place in the log; an impression before what happened in its moment.

    A group is what one user did with one post. Numbers of events are places in this order.
    """

    rows: pa.Table
    action: NDArray[np.object_]  # [E]
    group: I64  # [E]
    group_start: I64  # [E] first event of each event's group
    request: I64  # [E] code of the request, _NONE without one


def impressions(events: pa.Table, own: Sequence[str] = _OWN) -> pa.Table:
    """The impressions that `events` (columns of `cluster.archive.EVENTS_SCHEMA`, in the order of the log) tell of.

    An action belongs to the impression of the same user and post that the same request showed, else to the latest one
    until then. Where there is none, the first action makes one. What was taken back later did not happen; watch time is
    the longest that was told. `own`: what an impression has from the event that it was made of.
    """
    ordered = _sort(events)
    shown = _impressions(ordered)
    target = _by_request(ordered, shown)
    shown |= _first_of_the_others(ordered, shown, target)
    target = np.where(target == _NONE, _latest(ordered, shown), target)
    places = np.flatnonzero(shown)
    row = np.cumsum(shown) - 1  # [E] row of the impression at or before each event
    belongs = target != _NONE
    columns = {name: ordered.rows[name].take(pa.array(places)) for name in own}
    columns["watch_ms"] = _longest(ordered.rows["watch_ms"], row[target], belongs, len(places))
    for action in ACTIONS:
        happened = np.zeros(len(places), bool)
        happened[row[target[belongs & (ordered.action == action) & _stands(ordered, action)]]] = True
        columns[action] = pa.array(happened)
    return pa.table(columns)


def _sort(events: pa.Table) -> _Sorted:
    on_posts = pc.and_(pc.is_in(events["action"], pa.array(_SHOWN)), pc.is_valid(events["post_id"]))
    events = events.filter(on_posts)
    user, post, time_ms = (events[name].to_numpy() for name in ("user_id", "post_id", "time_ms"))
    later = events["action"].to_numpy(zero_copy_only=False) != "impression"
    order = np.lexsort((later, time_ms, post, user))  # stable: the rest is the order of the log
    rows = events.take(pa.array(order))
    user, post = user[order], post[order]
    new = np.ones(len(order), bool)
    new[1:] = (user[1:] != user[:-1]) | (post[1:] != post[:-1])
    starts = np.flatnonzero(new)
    group = np.cumsum(new) - 1
    request = pc.fill_null(rows["request_id"].combine_chunks().dictionary_encode().indices, _NONE)
    return _Sorted(
        rows,
        rows["action"].to_numpy(zero_copy_only=False),
        group,
        starts[group] if len(starts) else group,
        request.to_numpy(zero_copy_only=False).astype(np.int64),
    )


def _impressions(ordered: _Sorted) -> Flags:
    """[E] events that are impressions; one that was told twice for a moment is one."""
    shown: Flags = ordered.action == "impression"
    time_ms = ordered.rows["time_ms"].to_numpy()
    again = np.zeros(len(shown), bool)
    again[1:] = shown[1:] & shown[:-1] & (ordered.group[1:] == ordered.group[:-1]) & (time_ms[1:] == time_ms[:-1])
    return shown & ~again


def _by_request(ordered: _Sorted, shown: Flags) -> I64:
    """[E] the latest impression of the group that the event's request showed, else _NONE."""
    target = np.full(len(shown), _NONE, np.int64)
    known = ordered.request != _NONE
    key = ordered.group * (ordered.request.max(initial=0) + 1) + ordered.request
    places = np.flatnonzero(shown & known)
    places = places[np.argsort(key[places], kind="stable")]
    if len(places):
        at = np.searchsorted(key[places], key, side="right") - 1
        found = known & (at >= 0) & (key[places[at]] == key)
        target[found] = places[at[found]]
    return target


def _first_of_the_others(ordered: _Sorted, shown: Flags, target: I64) -> Flags:
    """[E] actions that must make an impression: the first of a group before which there is none."""
    acts = ~np.isin(ordered.action, list(RETRACTIONS))
    lost = np.flatnonzero(~shown & acts & (target == _NONE) & (_latest(ordered, shown) == _NONE))
    first = np.zeros(len(shown), bool)
    first[lost[np.unique(ordered.group[lost], return_index=True)[1]]] = True
    return first


def _latest(ordered: _Sorted, shown: Flags) -> I64:
    """[E] the last impression of the group at or before each event, else _NONE."""
    latest = np.maximum.accumulate(np.where(shown, np.arange(len(shown)), _NONE))
    return np.where(latest >= ordered.group_start, latest, _NONE)


def _stands(ordered: _Sorted, action: str) -> Flags:
    """[E] whether an `action` there was not taken back later."""
    back = [name for name, taken_back in RETRACTIONS.items() if taken_back == action]
    last = np.full(len(ordered.group), _NONE, np.int64)  # [groups], generously
    places = np.flatnonzero(np.isin(ordered.action, back))
    np.maximum.at(last, ordered.group[places], places)
    stands: Flags = np.arange(len(last)) > last[ordered.group]
    return stands


def _longest(told: pa.ChunkedArray, row: I64, belongs: Flags, impressions: int) -> pa.Array:
    """[impressions] longest watch time that was told of each, null where none was."""
    watched = pc.fill_null(told, _NONE).to_numpy()
    longest = np.full(impressions, _NONE, np.int64)
    np.maximum.at(longest, row[belongs], watched[belongs])
    return pa.array(longest, mask=longest == _NONE)
