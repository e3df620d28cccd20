"""From events, and from what feeds had promised, to rows that a learner can learn from."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cluster.archive import events_table
from cluster.events import Record
from cluster.served import ServedFeed
from kernels.actions import ACTIONS
from training.data.attribution import impressions
from training.online.rows import Rows

_OWN: Final = ("user_id", "post_id", "time_ms", "request_id", "action")


def shown_between(events: Sequence[tuple[str, Record]], begin_ms: int, end_ms: int) -> pa.Table:
    """Impressions of [begin_ms, end_ms) that name their request, by time: user_id, post_id, request_id, actions.

    `events` are records with their positions, in the order of the log, with all that followed the impressions.
    Impressions that only an action tells of are left out: of those without one, nobody tells.
    """
    shown = impressions(events_table(events), _OWN)
    told = pc.and_(pc.equal(shown["action"], "impression"), pc.is_valid(shown["request_id"]))
    within = pc.and_(pc.greater_equal(shown["time_ms"], begin_ms), pc.less(shown["time_ms"], end_ms))
    return shown.filter(pc.and_(told, within)).sort_by("time_ms")


def learned_heads(served: ServedFeed) -> tuple[str, ...]:
    """The predicted heads that are actions: whether they come true is seen."""
    return tuple(head for head in served.heads if head in ACTIONS)


def join(shown: pa.Table, feeds: Mapping[str, ServedFeed]) -> dict[str, Rows]:
    """Rows of the `learned_heads` by release: of those of `shown` that a feed of `feeds`, by request, did show.

    What a client says of posts that its request did not have is left out.
    """
    places: dict[str, list[tuple[int, ServedFeed, int]]] = defaultdict(list)
    columns = (shown[name].to_pylist() for name in ("request_id", "post_id"))
    for row, (request, post) in enumerate(zip(*columns, strict=True)):
        feed = feeds.get(request)
        if feed is not None and post in (ids := feed.post_ids.tolist()):
            places[feed.release].append((row, feed, ids.index(post)))
    posts = shown["post_id"].to_numpy()
    rows = {}
    for release, found in places.items():
        heads = learned_heads(found[0][1])
        wanted = [found[0][1].heads.index(head) for head in heads]
        of = [row for row, _, _ in found]
        labels = [shown[head].to_numpy(zero_copy_only=False)[of] for head in heads]
        logits = np.stack([feed.logits[at, wanted] for _, feed, at in found])
        rows[release] = Rows(posts[of], logits, np.stack(labels, 1).astype(np.float32))
    return rows
