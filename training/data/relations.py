"""From events to relations: who follows, blocks or mutes whom, and since when."""

from collections.abc import Iterable
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from training.data.schema import FOLLOWS, RELATIONS

#: What ends a relation.
_ENDS: Final = {f"un{kind}": kind for kind in RELATIONS}

Key = tuple[int, int, str]


def relations(events: pa.Table, before: pa.Table) -> pa.Table:
    """The table `follows` after `events`, out of the table before them.

    Events have the columns of `cluster.archive.EVENTS_SCHEMA`, in the order of the log, and act in the order of their
    times. A relation that is begun again while it holds goes on since when it was begun first.
    """
    since: dict[Key, int] = {_key(row, row["kind"]): row["time_ms"] for row in before.to_pylist()}
    for row in _in_time(events):
        kind = _ENDS.get(row["action"])
        if kind is not None:
            since.pop(_key(row, kind), None)
        else:
            since.setdefault(_key(row, row["action"]), row["time_ms"])
    return pa.Table.from_pylist(
        [
            {"user_id": user, "author_id": author, "time_ms": time_ms, "kind": kind}
            for (user, author, kind), time_ms in since.items()
        ],
        schema=FOLLOWS.arrow,
    )


def without_unfollowed(events: pa.Table) -> pa.Table:
    """`events` without the follows that were taken back later."""
    standing: dict[Key, list[int]] = {}
    gone: list[int] = []
    for row in _in_time(events):
        if row["action"] == "follow":
            standing.setdefault(_key(row, "follow"), []).append(row["row"])
        elif row["action"] == "unfollow":
            gone += standing.pop(_key(row, "follow"), [])
    kept = np.ones(events.num_rows, bool)
    kept[gone] = False
    return events.filter(pa.array(kept))


def _in_time(events: pa.Table) -> Iterable[dict[str, Any]]:
    """Relation events by time, with the number of their row."""
    names = ["user_id", "author_id", "time_ms", "action"]
    numbered = events.select(names).append_column("row", pa.array(range(events.num_rows), pa.int64()))
    actions = pa.array([*RELATIONS, *_ENDS])
    found = numbered.filter(pc.and_(pc.is_in(events["action"], actions), pc.is_valid(events["author_id"])))
    rows: list[dict[str, Any]] = found.sort_by([("time_ms", "ascending"), ("row", "ascending")]).to_pylist()
    return rows


def _key(row: dict[str, Any], kind: str) -> Key:
    return row["user_id"], row["author_id"], kind
