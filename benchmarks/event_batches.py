"""Events as clients send them, made of impressions of a data set: so people, posts and the mix of actions are real."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, Final
from uuid import uuid4

import msgspec
import numpy as np
from numpy.typing import NDArray

from benchmarks.http_client import Address
from cluster.errors import CascadeError, InvalidField
from cluster.event_intake import MAX_EVENTS
from cluster.id_index import rows_of
from kernels.actions import ACTIONS
from kernels.columns import I64
from training.data.dataset import DataSet

EVENTS: Final = "/v1/events"
#: How far back impressions are taken from.
RECENT_MS: Final = 7 * 86_400_000
#: Impressions drawn at once.
CHUNK: Final = 1024


class DataSetPosts:
    """Author and topic of a data set's posts, as `cluster.event_intake.KnownPosts`."""

    def __init__(self, dataset: DataSet) -> None:
        posts = dataset.read("posts", ["post_id", "author_id", "topic"])
        self.ids: I64 = np.asarray(posts["post_id"], np.int64)
        self._authors = np.append(np.asarray(posts["author_id"], np.int64), -1)
        self._topics = [*posts["topic"].fill_null("").to_pylist(), ""]

    def authors_and_topics(self, post_ids: I64) -> tuple[I64, NDArray[np.bool_], Sequence[str]]:
        """Author id (-1 = unknown) and topic ("" = none) of each post, and whether it is known; [posts] each."""
        rows = rows_of(post_ids, self.ids)
        return self._authors[rows], rows >= 0, [self._topics[row] for row in rows.tolist()]


class EventBatches:
    """Draws requests of `size` events each, without author, topic and time, which are left to the server.

    An impression becomes an `impression`, a `view` where it was watched, and one event for each action that followed.
    Ids of events are new in every process, for the log takes an id only once.
    """

    def __init__(self, address: Address, dataset: DataSet, posts: DataSetPosts, size: int) -> None:
        """Raises CascadeError for a data set without impressions."""
        self.size = size
        self._address = address
        rows = dataset.read(
            "impressions",
            ["user_id", "post_id", "watch_ms", *ACTIONS],
            start_ms=dataset.manifest.end_ms - RECENT_MS,
        )
        users, post_ids = (np.asarray(rows[name], np.int64) for name in ("user_id", "post_id"))
        authors, known, _ = posts.authors_and_topics(post_ids)
        usable = np.flatnonzero(known & (authors != users))  # nobody can follow themselves
        if not len(usable):
            raise CascadeError(f"{dataset.folder} has no impressions to make events of", "take another data set")
        self._users, self._posts = users[usable], post_ids[usable]
        self._watch_ms = np.asarray(rows["watch_ms"].fill_null(0), np.int64)[usable]
        actions = [np.asarray(rows[action].fill_null(False), np.int64) << i for i, action in enumerate(ACTIONS)]
        self._actions = np.bitwise_or.reduce(actions)[usable]
        self._prefix = uuid4().hex[:12]
        self._made = 0

    def bodies(self, n: int, rng: np.random.Generator) -> list[bytes]:
        """JSON bodies of n batches."""
        events = self._events(rng)
        return [msgspec.json.encode({"events": list(islice(events, self.size))}) for _ in range(n)]

    def draw(self, n: int, rng: np.random.Generator) -> Sequence[bytes]:
        """n requests, ready to be sent."""
        return [self._address.post(EVENTS, body) for body in self.bodies(n, rng)]

    def _events(self, rng: np.random.Generator) -> Iterator[dict[str, Any]]:
        while True:
            for row in rng.integers(len(self._users), size=CHUNK).tolist():
                shown = {
                    "user_id": int(self._users[row]),
                    "post_id": int(self._posts[row]),
                    "request_id": f"{self._prefix}{row:020d}",
                    "surface": "home",
                }
                yield self._event(shown, "impression")
                if watch_ms := int(self._watch_ms[row]):
                    yield self._event(shown, "view") | {"watch_ms": watch_ms}
                for bit, action in enumerate(ACTIONS):
                    if self._actions[row] >> bit & 1:
                        yield self._event(shown, action)

    def _event(self, shown: dict[str, Any], action: str) -> dict[str, Any]:
        self._made += 1
        return {"event_id": f"{self._prefix}-{self._made}", "action": action, **shown}


def check_batch(size: int) -> int:
    """The size of a batch. Raises InvalidField unless the server takes that many events at once."""
    if not 1 <= size <= MAX_EVENTS:
        raise InvalidField("batch", size, f"must be 1 to {MAX_EVENTS}")
    return size
