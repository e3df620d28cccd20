"""A log that goes through the live path gives the features that training computes from it, to the bit."""

import asyncio
from pathlib import Path

import numpy as np
import pytest
import redis

from cluster.clock import Clock
from cluster.effects import STREAM as EFFECTS
from cluster.effects import decode_effects
from cluster.events import Event, Record
from cluster.post_counters import TOTALS, author_key, post_key, unpack_record
from cluster.post_table import PostTable
from cluster.settings import Settings, Store
from cluster.store.client import user_key
from cluster.store.fenced import FencedStore
from cluster.store.valkey_server import ValkeyServer
from cluster.user_state import TopicCodes, unpack
from deployments.consumers.consumer import Entry
from deployments.consumers.posts import PostsConsumer
from deployments.consumers.users import UsersConsumer
from kernels.actions import ACTIONS, BIT
from kernels.assembly import WIDTH, assemble
from kernels.columns import PostColumns
from kernels.replay import write_prior
from tests.conftest import free_port
from tests.training.features.worlds import small_dataset
from training.data.ensure import ensure_dataset
from training.features.history import contexts_of, history_at
from training.features.log import Log

KUAIRAND = Path(__file__).parents[4] / "shared" / "data" / "kuairand_pure"
EVENTS = 20_000
BATCH = 500


@pytest.fixture(scope="module", params=["small", "kuairand"])
def log(request, tmp_path_factory) -> Log:
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "small":
        return Log.load(small_dataset(folder / "data"))
    if not KUAIRAND.exists():
        pytest.skip("KuaiRand is not here")
    return Log.load(ensure_dataset(Settings(home=folder, data=KUAIRAND)))


def records(log: Log, rows: int) -> list[Record]:
    """The first impressions of a log as clients would tell of them."""
    seen, topics = log.impressions, ("", *log.vocabularies.topic.values)
    told: list[Record] = []
    for i in range(rows):
        post = seen.post[i]
        common = {
            "user_id": int(log.users.ids[seen.user[i]]),
            "post_id": int(log.posts.ids[post]),
            "author_id": int(log.posts.author_ids[log.posts.author[post]]),
            "topic": topics[log.posts.topic[post]] or None,
            "time_ms": int(seen.time_ms[i]),
        }
        told.append(Event(event_id=f"{i}", action="impression", **common))
        told += [Event(event_id=f"{i}{a}", action=a, **common) for a in ACTIONS if seen.actions[i] & BIT[a]]
        if seen.watch_s[i] > 0:
            told.append(Event(event_id=f"{i}v", action="view", watch_ms=int(seen.watch_s[i] * 1000 + 0.999), **common))
    return told


async def live(log: Log, told: list[Record], url: str) -> None:
    """Let the consumers apply all of it, in batches that do not end where an impression does."""
    settings = Store(timeout_ms=2000)
    users = UsersConsumer(FencedStore(url, settings, "users"), log.utc_offset_ms)
    posts = PostsConsumer(FencedStore(url, settings, "posts"), Clock())
    await users.position()
    await posts.position()
    for n, begin in enumerate(range(0, len(told), BATCH), start=1):
        await users.apply([Entry("", record) for record in told[begin : begin + BATCH]], f"{n}-0")
    with redis.Redis.from_url(url) as client:
        for position, fields in client.xrange(EFFECTS):
            await posts.apply([Entry("", decode_effects(fields[b"e"]))], position.decode())
    await users.close()
    await posts.close()


def served_columns(log: Log, client: redis.Redis, posts: PostColumns) -> PostColumns:
    """`posts` with the counters of the state store in place of its own."""

    def records_of(ids, key):
        return np.concatenate([unpack_record(blob) for blob in client.mget([key(i) for i in ids.tolist()])])

    table = posts._replace(**{name: np.zeros_like(getattr(posts, name)) for name in ("counts", "counted_ms")})
    touched = np.flatnonzero(posts.counted_ms)
    found = records_of(log.posts.ids[touched], post_key)
    table.counts[touched], table.counted_ms[touched] = found["counts"], found["counted_ms"]
    authors = np.flatnonzero(posts.author_counted_ms)
    found = records_of(log.posts.author_ids[authors], author_key)
    counts, counted_ms = np.zeros_like(posts.author_counts), np.zeros_like(posts.author_counted_ms)
    counts[authors], counted_ms[authors] = found["counts"], found["counted_ms"]
    prior = np.zeros_like(posts.prior)
    write_prior(unpack_record(client.get(TOTALS))["counts"], prior)
    return table._replace(author_counts=counts, author_counted_ms=counted_ms, prior=prior)


def test_live_and_replayed_features_are_equal_bit_for_bit(log, tmp_path):
    rows = min(EVENTS, len(log.impressions) // 2)
    while log.impressions.time_ms[rows] == log.impressions.time_ms[rows - 1]:
        rows += 1
    now = int(log.impressions.time_ms[rows])
    history = history_at(log, now)
    with ValkeyServer(tmp_path / "state", Store(port=free_port(), fsync="everysec")) as server:
        asyncio.run(live(log, records(log, rows), server.url))
        with redis.Redis.from_url(server.url) as client:
            posts = served_columns(log, client, history.posts)
            table = PostTable(log.posts.ids, log.posts.author_ids, posts)
            some = np.unique(log.impressions.user[max(0, rows - 300) : rows])
            candidates = np.random.default_rng(0).integers(0, len(log.posts.ids), 50).astype(np.int32)
            for user in some.tolist():
                context = contexts_of(log, np.array([rows]), np.zeros(1, np.int32))
                state = unpack(client.get(user_key(int(log.users.ids[user]))))
                mine = state.columns(table, log.vocabularies.region.codes(), TopicCodes(log.vocabularies.topic.codes()))
                # Profiles and follows do not come by these events.
                told = ("account_created_ms", "followers", "following", "region")
                mine = mine._replace(**{name: getattr(history.users, name)[[user]] for name in told})
                follows = {name: getattr(history.users, name) for name in history.users._fields if "follow_" in name}
                mine = mine._replace(**follows)
                mine = mine._replace(
                    follow_begin=history.users.follow_begin[[user]], follow_end=history.users.follow_end[[user]]
                )
                live_x, replayed = (np.empty((len(candidates), WIDTH), np.float32) for _ in range(2))
                offsets = np.array([0, len(candidates)])
                assemble(mine, context, posts, offsets, candidates, live_x)
                assemble(
                    history.users,
                    context._replace(user=np.array([user], np.int32)),
                    history.posts,
                    offsets,
                    candidates,
                    replayed,
                )
                np.testing.assert_array_equal(live_x, replayed)
    assert len(some) > 5
    assert np.ptp(replayed, axis=0).astype(bool).sum() > 15
