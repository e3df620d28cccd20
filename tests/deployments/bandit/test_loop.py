"""The whole loop of the bandit over sources on a real Valkey: decisions, events, the consumer, what is chosen."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import redis

from cluster.clock import Clock
from cluster.decisions import Decision, decision_key, decode_decision, encode_decision
from cluster.events import Erasure, Event
from cluster.learning import Bandit
from cluster.settings import Store
from cluster.store.client import OnlineStore
from cluster.store.fenced import FencedStore
from cluster.store.valkey_server import ValkeyServer
from deployments.bandit.follower import BanditFollower
from deployments.bandit.source_bandit import DIMS, SourceBandit, context_of
from deployments.consumers.bandit import BanditConsumer
from deployments.consumers.consumer import Entry
from deployments.pipeline.trace import Trace
from deployments.query_hydrators.favoured_source import FavouredSource
from deployments.side_effects.decisions import Decisions
from deployments.sources.following import Following
from deployments.sources.fresh import Fresh
from deployments.sources.popular import Popular
from tests.deployments.catalogue.releases import catalogue
from tests.deployments.queries import candidates, query
from tests.kernels.columns import NOW
from training.online.sources import KEY, LearnedSources, decode_sources, encode_sources
from training.policy.logged import judge_logged

LIVE = catalogue(20)
ROWS = np.arange(20, dtype=np.int32)
STORE = Store(timeout_ms=2000)
SETTINGS = Bandit(enabled=True, share=1.0, attribution_s=60, update_s=10)
SOURCES = [Popular(ROWS, LIVE, 10), Following(LIVE, 10, 48), Fresh(LIVE, 10, 48)]
NAMES = tuple(source.name for source in SOURCES)


class Stopped(Clock):
    """A clock that a test sets."""

    ms = NOW

    def now_ms(self) -> int:
        return self.ms


@pytest.fixture
def url(store_server: ValkeyServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(Stopped, "ms", NOW)
    with redis.Redis.from_url(store_server.url) as state:
        state.flushall()
        yield store_server.url


class Loop:
    """A feed server's part and the consumer's, around one store."""

    def __init__(self, url: str, folder: Path) -> None:
        self.bandit = SourceBandit(NAMES, SETTINGS)
        self.bandit._rng = np.random.default_rng(0)
        self.hydrator = FavouredSource(self.bandit, SOURCES, SETTINGS.given_up)
        self.store = OnlineStore(url, STORE)
        self.decisions = Decisions(self.store, SETTINGS)
        self.follower = BanditFollower(self.bandit, url, STORE)
        self.consumer = BanditConsumer(FencedStore(url, STORE, "bandit"), Stopped(), SETTINGS, folder)
        self.position = 0

    async def feed(self, user: int) -> tuple[str, str]:
        """Serve all posts; the request's id, and the source that was favoured."""
        asked = replace(query(LIVE.posts, user_id=user), request_id=f"{user}-{Stopped.ms}")
        await self.hydrator.hydrate(asked)
        assert asked.favoured is not None
        assert self.decisions.enabled(asked)
        self.decisions.note(asked, candidates(*ROWS.tolist()), Trace())
        while not await self.store._redis.exists(decision_key(asked.request_id)):
            await asyncio.sleep(0.002)
        return asked.request_id, asked.favoured.source

    async def tell(self, *events: Event | Erasure) -> None:
        entries = [Entry(f"{self.position + i + 1}-0", event) for i, event in enumerate(events)]
        self.position += len(events)
        await self.consumer.apply(entries, f"{self.position}-0")

    async def ripen(self) -> None:
        Stopped.ms += 61_000
        await self.tell(
            Event(event_id=f"{Stopped.ms}", user_id=10**6, action="follow", author_id=1, time_ms=Stopped.ms)
        )

    async def __aenter__(self) -> "Loop":
        await self.consumer.position()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.follower.close()
        await self.consumer.close()
        await self.store.close()


def shown(user: int, request: str, likes: int) -> list[Event]:
    """Four impressions of a request, of which the first `likes` are liked."""
    common = {"user_id": user, "request_id": request, "time_ms": Stopped.ms}
    ids = LIVE.posts.post_ids[:4].tolist()
    seen = [Event(event_id=f"i{request}{i}", action="impression", post_id=i, **common) for i in ids]
    return seen + [Event(event_id=f"l{request}{i}", action="like", post_id=i, **common) for i in ids[:likes]]


def test_the_source_that_people_like_is_favoured_more_and_more(url: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with Loop(url, tmp_path) as loop:
            favoured = []
            for turn in range(6):
                for user in range(40 * turn, 40 * turn + 40):
                    request, source = await loop.feed(user)
                    favoured.append(source)
                    await loop.tell(*shown(user, request, 3 if source == "fresh" else 1))
                await loop.ripen()
                await loop.follower.follow()
            assert "following" not in favoured  # they follow nobody
            early, late = favoured[:40].count("fresh"), favoured[-40:].count("fresh")
            assert early < 35 < late
            # What was served is logged, and tells of other policies.
            found = judge_logged(tmp_path)
            assert found.decisions == 120
            assert found.estimates["always fresh"].snips.value == pytest.approx(0.75)
            assert found.estimates["always popular"].snips.value == pytest.approx(0.25)
            # Another process goes on from what is stored.
            fresh = SourceBandit(NAMES, SETTINGS)
            follower = BanditFollower(fresh, url, STORE)
            await follower.catch_up()
            await follower.close()
            asked = context_of(query(LIVE.posts)), np.ones(3, bool)
            chances = fresh.choose(*asked)[1]
            assert np.array_equal(chances, loop.bandit.choose(*asked)[1])
            assert chances.min() >= SETTINGS.floor / 3 - 1e-12

    asyncio.run(scenario())


def test_what_is_kept_is_what_was_chosen(url: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with Loop(url, tmp_path) as loop:
            request, source = await loop.feed(1)
            decision = decode_decision(await loop.store._redis.get(decision_key(request)))
            assert decision.arms[decision.favoured] == source
            assert decision.propensities.tolist() == [0.5, 0.0, 0.5]  # nothing is known, and they follow nobody
            assert decision.x.tolist() == context_of(query(LIVE.posts)).tolist()
            assert decision.explored == -1

    asyncio.run(scenario())


def test_nothing_is_learned_too_early_or_of_the_erased_or_of_made_up_requests(url: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with Loop(url, tmp_path) as loop:
            for user in (1, 2, 3):
                request, _ = await loop.feed(user)
                await loop.tell(*shown(user, request, 1), *shown(9, f"made up {user}", 4))
            Stopped.ms += 11_000
            await loop.tell()
            assert await loop.store._redis.get(KEY) is None
            await loop.tell(*(Erasure(user_id=user, time_ms=Stopped.ms) for user in (1, 2)))
            await loop.ripen()
            await loop.ripen()  # nothing comes twice
            learned = decode_sources(await loop.store._redis.get(KEY))
            assert learned.names == NAMES
            assert learned.arms.rows.sum() == 1  # the feed of user 3
            assert learned.arms.response[:, 0].sum() == pytest.approx(0.25)

    asyncio.run(scenario())


def test_what_was_learned_of_other_sources_or_is_damaged_is_nothing(url: str) -> None:
    async def scenario() -> None:
        bandit = SourceBandit(NAMES, SETTINGS)
        follower = BanditFollower(bandit, url, STORE)
        good = LearnedSources.nothing(NAMES, DIMS)
        good.arms.response[2] = 5.0
        other = LearnedSources.nothing(("popular", "else"), DIMS)
        asked = context_of(query(LIVE.posts)), np.ones(3, bool)
        async with OnlineStore(url, STORE) as store:
            for blob in (encode_sources(other), b"???", encode_sources(good)[:-1]):
                await store.write({KEY: encode_sources(good)})
                await follower.follow()
                assert bandit.choose(*asked)[1][2] > 0.9
                await store.write({KEY: blob})
                await follower.follow()
                assert bandit.choose(*asked)[1] == pytest.approx(1 / 3)
        await follower.close()

    asyncio.run(scenario())


def test_a_decision_that_is_damaged_is_refused() -> None:
    decision = Decision.of(NAMES, np.ones(DIMS), np.full(3, 1 / 3), 1)
    assert decode_decision(encode_decision(decision)) == decision
    for blob in (b"", encode_decision(decision)[:-3], encode_decision(Decision.of(NAMES, np.ones(1), np.ones(2), 1))):
        with pytest.raises(ValueError, match=r".+"):
            decode_decision(blob)
