"""What users, posts and events take in a real Valkey, and in the archive."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import msgspec
import numpy as np
import redis

from benchmarks.event_batches import DataSetPosts, EventBatches
from benchmarks.http_client import Address
from cluster.archive import events_table, write_table
from cluster.catalogue_log import CatalogueLog, Stored
from cluster.event_intake import MAX_EVENTS, take_in
from cluster.event_log import STREAM, EventLog
from cluster.events import Event
from cluster.posts import Post
from cluster.settings import Events, Server, Store
from cluster.store.client import OnlineStore
from cluster.store.valkey_server import ValkeyServer
from cluster.user_state import EVENT, FEWER, FEWER_KEPT, UserState, pack
from kernels.columns import CONTENT_DIM, HISTORY
from kernels.fold import SEEN
from training.data.dataset import DataSet
from training.features.history import history_at
from training.features.log import Log
from training.features.states import post_counters, user_states

#: Author ids in each list of relations of a user whose rings are full.
FOLLOWS: Final = 200
#: Events, and posts, that are written to be weighed.
EVENTS_WRITTEN: Final = 50_000
POSTS_WRITTEN: Final = 10_000
CAPTION: Final = "a caption of about eighty characters, which is what people write under a video."


class UserBytes(msgspec.Struct, frozen=True):
    """Of a packed state; `stored` is what Valkey needs for one of mean size, key and table included."""

    users: int
    mean: float
    p50: float
    p99: float
    full: int
    """Every ring full, 200 authors followed."""
    stored: float


class EventBytes(msgspec.Struct, frozen=True):
    """Of one event: in the event store's memory with the note of its id, in its append-only file, in the archive."""

    events: int
    memory: float
    appended: float
    archived: float


class PostBytes(msgspec.Struct, frozen=True):
    """Of one post in Valkey: its record and log entry in the event store, its counters in the state store."""

    posts: int
    record: float
    counters: float


def full_state() -> UserState:
    """A user whose history, ring of seen posts and list of unwanted ones are full."""
    authors = np.arange(FOLLOWS, dtype="<i8").tobytes()
    return UserState(
        region="north",
        history=np.zeros(HISTORY, EVENT).tobytes(),
        following_ids=authors,
        seen_posts=bytes(8 * SEEN),
        seen_times=bytes(4 * SEEN),
        fewer=np.zeros(FEWER_KEPT, FEWER).tobytes(),
    )


async def weigh_state(dataset: DataSet, folder: Path, settings: Store) -> tuple[UserBytes, float]:
    """States of the users of `dataset`, and bytes of a post's or author's counters, in a state store of its own."""
    log = Log.load(dataset)
    end_ms = dataset.manifest.end_ms
    history = history_at(log, end_ms)
    states = dict(user_states(log, history, end_ms))
    lengths = np.array([len(blob) for blob in states.values()])
    with ValkeyServer(folder, settings) as server:
        meter = _Meter(server.url)
        async with OnlineStore(server.url, settings) as store:
            await store.write_users(states)
            user = meter.grown() / len(states)
            counters = post_counters(log, history)
            await store.write(counters)
            counter = meter.grown() / len(counters)
    p50, p99 = np.percentile(lengths, [50, 99])
    return UserBytes(
        users=len(states),
        mean=round(float(lengths.mean()), 1),
        p50=float(p50),
        p99=float(p99),
        full=len(pack(full_state())),
        stored=round(user, 1),
    ), round(counter, 1)


async def weigh_log(dataset: DataSet, folder: Path, settings: Events) -> tuple[EventBytes, float]:
    """Events as `cascade bench events` makes them of `dataset`, and bytes of a post with a caption and an embedding."""
    posts = DataSetPosts(dataset)
    batches = EventBatches(Address.parse("http://127.0.0.1"), dataset, posts, MAX_EVENTS)
    bodies = batches.bodies(EVENTS_WRITTEN // MAX_EVENTS, np.random.default_rng(0))
    events = [event for body in bodies for event in take_in(body, dataset.manifest.end_ms, posts).events]
    with ValkeyServer(folder, settings) as server:
        meter = _Meter(server.url)
        async with EventLog(server.url, settings) as log:
            for begin in range(0, len(events), MAX_EVENTS):
                await log.append(events[begin : begin + MAX_EVENTS])
        memory, appended = meter.grown() / len(events), meter.appended() / len(events)
        archived = _archived(server.url, events)
        record = await _weigh_posts(server.url, settings, meter)
    return EventBytes(len(events), round(memory, 1), round(appended, 1), round(archived, 1)), record


async def _weigh_posts(url: str, settings: Server, meter: "_Meter") -> float:
    rng = np.random.default_rng(0)
    meter.grown()
    async with CatalogueLog(url, settings) as log:
        for begin in range(0, POSTS_WRITTEN, MAX_EVENTS):
            await log.write([(Stored(b"", None), _post(begin + i, rng)) for i in range(MAX_EVENTS)])
    return round(meter.grown() / POSTS_WRITTEN, 1)


def _post(post_id: int, rng: np.random.Generator) -> Post:
    embedding = rng.normal(size=CONTENT_DIM).tolist()
    return Post(
        post_id=10**9 + post_id,
        author_id=10**8 + post_id,
        created_ms=0,
        kind="video",
        topic="sport",
        region="north",
        tags=["sea", "sun", "sand"],
        caption=CAPTION,
        embedding=embedding,
    )


def _archived(url: str, events: Sequence[Event]) -> float:
    """Bytes of an event in one file of the archive, under the positions that the log gave them."""
    client = redis.Redis.from_url(url)
    positions = [position.decode() for position, _ in client.xrange(STREAM)]  # type: ignore[union-attr]
    client.close()
    with TemporaryDirectory() as folder:
        path = Path(folder) / "events.parquet"
        write_table(path, events_table(list(zip(positions, events, strict=True))))
        return path.stat().st_size / len(events)


class _Meter:
    """How a Valkey grows, in bytes."""

    def __init__(self, url: str) -> None:
        self._client = redis.Redis.from_url(url)
        self._used = 0
        self.grown()

    def grown(self) -> int:
        """Memory since the last call."""
        before, self._used = self._used, int(self._client.info("memory")["used_memory"])
        return self._used - before

    def appended(self) -> int:
        """Length of the append-only file."""
        return int(self._client.info("persistence")["aof_current_size"])


def weigh_stores(dataset: DataSet, state: Store, events: Events) -> tuple[UserBytes, EventBytes, PostBytes]:
    """Write what `dataset` has into two stores on the ports of the settings, and weigh it."""
    with TemporaryDirectory() as folder:
        users, counters = asyncio.run(weigh_state(dataset, Path(folder) / "state", state))
        event, record = asyncio.run(weigh_log(dataset, Path(folder) / "events", events))
    return users, event, PostBytes(POSTS_WRITTEN, record, counters)
