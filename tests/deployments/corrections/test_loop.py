"""The whole loop of online learning on a real Valkey: promises, events, the consumer, and what is predicted then."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pytest
import redis

from cluster.clock import Clock
from cluster.events import Erasure, Event
from cluster.learning import Online
from cluster.served import decode_served, sampled, served_key
from cluster.settings import Store
from cluster.store.client import OnlineStore
from cluster.store.fenced import FencedStore
from cluster.store.valkey_server import ValkeyServer
from deployments.consumers.consumer import Entry
from deployments.consumers.online import OnlineConsumer
from deployments.corrections.corrected import CorrectedRanker
from deployments.corrections.follower import CorrectionFollower
from deployments.pipeline.trace import Trace
from deployments.side_effects.promises import Promises
from kernels.columns import F32, I64
from tests.deployments.queries import candidates, post_table, query
from tests.kernels.columns import NOW
from training.models.correction import Correction, correction_key, encode_correction, to_logits, to_probabilities

POSTS = post_table()
STORE = Store(timeout_ms=2000)
SETTINGS = Online(share=1.0, attribution_s=60, update_s=10, least_rows=30)
X = np.zeros((len(POSTS.post_ids), 1), np.float32)
ROWS = np.arange(len(POSTS.post_ids))


class Stopped(Clock):
    """A clock that a test sets."""

    ms = NOW

    def now_ms(self) -> int:
        return self.ms


class SameForAll:
    """A ranker to whom all posts are the same."""

    heads = ("like", "share", "watch_time")

    def predict(self, user_row: int, post_rows: I64, x: F32) -> F32:
        return np.tile(np.array([0.1, 0.02, 30.0], np.float32), (len(post_rows), 1))


@dataclass
class Catalogue:
    posts = POSTS


def ranker() -> CorrectedRanker:
    return CorrectedRanker(SameForAll(), Catalogue())  # type: ignore[arg-type]


@pytest.fixture
def url(store_server: ValkeyServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(Stopped, "ms", NOW)
    with redis.Redis.from_url(store_server.url) as state:
        state.flushall()
        yield store_server.url


class Loop:
    """A feed server's part and the consumer's, around one store."""

    def __init__(self, url: str, clock: Stopped) -> None:
        self.clock = clock
        self.ranker = ranker()
        self.store = OnlineStore(url, STORE)
        self.promises = Promises(self.store, "r1", self.ranker, Catalogue(), SETTINGS)  # type: ignore[arg-type]
        self.follower = CorrectionFollower("r1", self.ranker, url, STORE)
        self.consumer = OnlineConsumer(FencedStore(url, STORE, "online"), clock, SETTINGS)
        self.position = 0

    async def feed(self, user: int) -> str:
        """Serve all posts; the request's id."""
        request_id = f"{user}-{self.clock.ms}"
        asked = replace(query(POSTS, user_id=user), request_id=request_id)
        feed = replace(candidates(*ROWS.tolist()), heads=self.ranker.predict(-1, ROWS, X))
        assert self.promises.enabled(asked)
        self.promises.note(asked, feed, Trace())
        while not await self.store._redis.exists(served_key(request_id)):
            await asyncio.sleep(0.005)
        return request_id

    async def tell(self, *events: Event) -> None:
        """Have the consumer apply events as the log's next."""
        entries = [Entry(f"{self.position + i + 1}-0", event) for i, event in enumerate(events)]
        self.position += len(events)
        await self.consumer.apply(entries, f"{self.position}-0")

    async def round(self, rng: np.random.Generator, like: float, users: range) -> None:
        """Users see all posts and like each with chance `like`; then time goes on, and something else happens."""
        for user in users:
            request = await self.feed(user)
            common = {"user_id": user, "request_id": request}
            shown = [event("impression", i, self.clock.ms, common) for i in range(len(ROWS))]
            liked = np.flatnonzero(rng.random(len(ROWS)) < like)
            likes = [event("like", i, self.clock.ms + 5000, common) for i in liked.tolist()]
            await self.tell(*shown, *likes)
        Stopped.ms += 61_000
        await self.tell(Event(event_id="later", user_id=10**6, action="follow", author_id=1, time_ms=self.clock.ms))

    async def __aenter__(self) -> "Loop":
        await self.consumer.position()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.follower.close()
        await self.consumer.close()
        await self.store.close()


def event(action: str, post: int, time_ms: int, common: dict[str, object]) -> Event:
    post_id = int(POSTS.post_ids[post])
    return Event(
        event_id=f"{action}{post}{time_ms}{common}"[:64], action=action, post_id=post_id, time_ms=time_ms, **common
    )


def test_what_people_do_more_often_is_predicted_higher(url: str) -> None:
    async def scenario() -> None:
        async with Loop(url, Stopped()) as loop:
            await loop.follower.follow()
            before = loop.ranker.predict(-1, ROWS, X)
            rng = np.random.default_rng(0)
            for turn in range(5):
                await loop.round(rng, 0.4, range(10 * turn, 10 * turn + 10))
                await loop.follower.follow()
            after = loop.ranker.predict(-1, ROWS, X)
            assert after[:, 0].mean() > before[:, 0].mean() + 0.05
            assert after[:, 1].mean() < before[:, 1].mean()  # nobody shared
            assert (after[:, 2] == before[:, 2]).all()
            # Corrected promises are told as what the ranker itself had promised.
            assert np.allclose(to_probabilities(loop.ranker.uncorrected(ROWS, after)), before[:, :2], atol=1e-5)
            # Another process goes on from what is stored.
            fresh = ranker()
            follower = CorrectionFollower("r1", fresh, url, STORE)
            await follower.catch_up()
            assert np.array_equal(fresh.predict(-1, ROWS, X), after)
            await follower.close()

    asyncio.run(scenario())


def test_nothing_is_learned_too_early_or_of_what_was_not_served_or_is_erased(url: str) -> None:
    async def scenario() -> None:
        async with Loop(url, Stopped()) as loop:
            for user in (1, 2, 3):
                request = await loop.feed(user)
                for claimed in ({"user_id": user, "request_id": request}, {"user_id": 9, "request_id": "made up"}):
                    await loop.tell(*(event("impression", i, loop.clock.ms, claimed) for i in range(len(ROWS))))
            Stopped.ms += 11_000  # an update is due, and no impression is ripe
            await loop.tell()
            assert await loop.store._redis.get(correction_key("r1")) is None
            await loop.tell(*(Erasure(user_id=user, time_ms=loop.clock.ms) for user in (1, 2)))
            Stopped.ms += 61_000
            await loop.tell()
            [learner] = loop.consumer._learners.values()
            assert len(learner._rows) == len(ROWS)  # of user 3

    asyncio.run(scenario())


def test_only_the_share_of_users_is_learned_from() -> None:
    users = np.random.default_rng(0).integers(0, 2**62, 20_000).tolist()
    for share in (0.0, 0.1, 0.5, 1.0):
        assert np.mean([sampled(user, share) for user in users]) == pytest.approx(share, abs=0.01)
    assert np.mean([sampled(user, 0.1) for user in range(20_000)]) == pytest.approx(0.1, abs=0.01)


def test_posts_that_were_published_later_are_corrected_and_promised_too(url: str) -> None:
    async def scenario() -> None:
        catalogue = Catalogue()
        made = CorrectedRanker(SameForAll(), catalogue)  # type: ignore[arg-type]
        up = Correction.identity(("like", "share"))._replace(shift=np.ones(2, np.float32))
        assert made.correct(up)
        catalogue.posts = post_table(len(ROWS) + 5)  # as a live catalogue, which gets a new table
        new = np.array([len(ROWS) + 4])
        predicted = made.predict(-1, new, X[:1])
        plain = SameForAll().predict(-1, new, X[:1])
        assert (predicted[:, :2] > plain[:, :2]).all()
        assert np.allclose(to_probabilities(made.uncorrected(new, predicted)), plain[:, :2], atol=1e-5)
        async with OnlineStore(url, STORE) as store:
            promises = Promises(store, "r1", made, catalogue, SETTINGS)  # type: ignore[arg-type]
            asked = replace(query(POSTS, user_id=1), request_id="later")
            promises.note(asked, replace(candidates(*new.tolist()), heads=predicted), Trace())
            while (blob := await store._redis.get(served_key("later"))) is None:
                await asyncio.sleep(0.005)
        assert decode_served(blob).post_ids.tolist() == catalogue.posts.post_ids[new].tolist()

    asyncio.run(scenario())


def test_a_correction_that_is_damaged_or_of_other_heads_is_none(url: str) -> None:
    async def scenario() -> None:
        made = ranker()
        follower = CorrectionFollower("r1", made, url, STORE)
        plain = made.predict(-1, ROWS, X)
        up = Correction.identity(("like", "share"))._replace(shift=np.ones(2, np.float32))
        other = Correction.identity(("like",))._replace(shift=np.ones(1, np.float32))
        async with OnlineStore(url, STORE) as store:
            for blob, corrected in ((encode_correction(up), True), (b"???", False), (encode_correction(other), False)):
                await store.write({correction_key("r1"): encode_correction(up)})
                await follower.follow()
                await store.write({correction_key("r1"): blob})
                await follower.follow()
                now = made.predict(-1, ROWS, X)
                assert np.allclose(
                    to_logits(now[:, :2]) - to_logits(plain[:, :2]), 1.0 if corrected else 0.0, atol=1e-4
                )
        await follower.close()

    asyncio.run(scenario())
