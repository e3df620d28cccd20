"""What is kept of requests on a real Valkey, and told by whichever server is asked."""

import asyncio
from dataclasses import replace
from types import SimpleNamespace

import pytest
import redis

from cluster.errors import NotFound, Unreadable
from cluster.rules import Rules
from cluster.settings import Explain, Settings, Store
from cluster.store.breaker import StoreUnavailable
from cluster.store.client import OnlineStore
from cluster.traced_feed import UnreadableTrace, decode_trace, encode_trace, trace_key
from cluster.wire import FeedResponse
from deployments.api.explanations import ExplainService
from deployments.explaining.explanation import explained
from deployments.explaining.tracing import Tracer
from deployments.filters.unpublished import Unpublished
from deployments.hydrators.features import Features
from deployments.pipeline.executor import Pipeline, execute
from deployments.pipeline.trace import Trace
from deployments.scorers.rank import Rank
from deployments.scorers.utility import Utility
from deployments.scorers.weights import Weights
from deployments.selectors.rerank import Rerank
from deployments.side_effects.trace_writes import PACE, Allowance, TraceWrites
from deployments.side_effects.traces import Traces
from deployments.sources.fresh import Fresh
from tests.conftest import free_port
from tests.deployments.apis import api_of, http_session
from tests.deployments.catalogue.releases import catalogue
from tests.deployments.evaluation.by_hand import Rates
from tests.deployments.queries import query

LIVE = catalogue(20)
STORE = Store(timeout_ms=2000)
RATES = Rates()
TRACER = Tracer("r1", Rates.heads, LIVE)
SERVED = SimpleNamespace(
    traffic=SimpleNamespace(bundles={"r1": SimpleNamespace(release=SimpleNamespace(ranker=Rates()))})
)
GONE = SimpleNamespace(traffic=SimpleNamespace(bundles={}))


WEIGHTS = Weights("home", Rates.heads, Rules(weights={"like": 1, "long_view": 1}))


def asked(request_id: str, explain: bool = False, ranker=RATES, deadline_ms: float = 60_000):
    """A request, its feed and its trace."""
    steps = [Features(LIVE), Rank(ranker), Utility(WEIGHTS), Rerank(LIVE, Rules())]
    request, trace = (
        replace(query(LIVE.posts, explain=explain, deadline_ms=deadline_ms), request_id=request_id),
        Trace(),
    )
    pipeline = Pipeline([], [Fresh(LIVE, 20, 48)], steps, LIVE, filters=[Unpublished(LIVE)])
    return request, execute(pipeline, request, trace), trace


def keep(url: str, requests, settings: Explain) -> None:
    async def write() -> None:
        store = OnlineStore(url, STORE)
        writes = TraceWrites(store, settings)
        effect = Traces(writes, TRACER)
        for request, feed, trace in requests:
            if effect.enabled(request):
                effect.note(request, feed, trace)
        await writes.close()
        await store.close()

    asyncio.run(write())


def told(url: str, request_id: str, releases=SERVED, home=None) -> FeedResponse:
    async def ask() -> FeedResponse:
        store = OnlineStore(url, STORE)
        try:
            settings = Settings() if home is None else Settings(home=home)
            return await ExplainService(store, releases, settings).explain(request_id)
        finally:
            await store.close()

    return asyncio.run(ask())


def test_any_server_tells_later_what_would_have_been_told_at_once(store_server):
    request, feed, trace = asked("any-server")
    trace.seconds = 0.25
    keep(store_server.url, [(request, feed, trace)], Explain(keep_s=60))
    later = told(store_server.url, "any-server")
    assert later == explained(TRACER.traced(request, feed, trace), Rates())
    assert [item.post_id for item in later.items] == LIVE.posts.post_ids[feed.rows].tolist()
    assert later.timings_ms["total"] == 250
    assert later.items[0].why.influences
    with redis.Redis.from_url(store_server.url) as state:
        assert 0 < state.ttl(trace_key("any-server")) <= 60


class Broken(Rates):
    def predict(self, user_row, post_rows, x):
        raise RuntimeError("weights on fire")


@pytest.mark.parametrize(("ranker", "deadline_ms"), [(Broken(), 60_000), (Rates(), -1)])
def test_a_feed_that_was_made_without_its_ranker_is_explained_as_far_as_it_goes(ranker, deadline_ms, store_server):
    request, feed, trace = asked("degraded", ranker=ranker, deadline_ms=deadline_ms)
    keep(store_server.url, [(request, feed, trace)], Explain())
    later = told(store_server.url, "degraded")
    assert later.degraded == request.degraded != []
    assert [item.post_id for item in later.items] == LIVE.posts.post_ids[feed.rows].tolist()
    for slot, item in enumerate(later.items):
        assert (item.heads, item.why.terms, item.why.influences) == ({}, {}, [])
        assert item.why.place_by_utility - slot == sum(item.why.moves.values())


def test_an_unknown_id_is_told_what_is_kept(store_server):
    with pytest.raises(NotFound, match=r"last 60 minutes.*512 MB"):
        told(store_server.url, "never-heard-of")


def test_a_release_that_is_gone_leaves_all_but_what_mattered(store_server, tmp_path):
    keep(store_server.url, [asked("gone")], Explain())
    [first, *_] = told(store_server.url, "gone", GONE, tmp_path).items
    assert first.why.influences is None
    assert first.why.terms


def test_beyond_the_allowance_only_those_who_asked_are_kept(store_server):
    keep(store_server.url, [asked("not-asked"), asked("asked", explain=True)], Explain(memory_mb=0))
    assert told(store_server.url, "asked").items
    with pytest.raises(NotFound):
        told(store_server.url, "not-asked")


def test_an_allowance_never_gives_more_than_its_size_in_a_period(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    allowance, used = Allowance(1000, 3600), []
    for second in range(3 * 3600):
        now[0] = float(second)
        while allowance.left > 0:
            allowance.take(10)
            used.append(second)
    for begin in range(0, 2 * 3600, 600):
        assert sum(10 for at in used if begin <= at < begin + 3600) <= 1000 + 2 * 10
    assert used.count(0) == 1  # at once: what some seconds bring
    assert sum(10 for at in used if at >= 3600) == pytest.approx(2 * 1000, rel=0.05)


def test_without_a_store_nothing_is_kept_and_the_question_says_so():
    url = f"redis://127.0.0.1:{free_port()}"

    async def ask() -> None:
        store = OnlineStore(url, STORE)
        effect = Traces(TraceWrites(store, Explain()), TRACER)
        request, *_ = asked("lost")
        assert effect.enabled(request)
        with pytest.raises(StoreUnavailable):
            await ExplainService(store, SERVED, Settings()).explain("lost")
        assert not effect.enabled(request)
        await store.close()

    asyncio.run(ask())


def test_what_waits_is_bounded(store_server):
    async def fill() -> int:
        store = OnlineStore(store_server.url, STORE)
        writes = TraceWrites(store, Explain())
        effect = Traces(writes, TRACER)
        request, feed, trace = asked("full")
        noted = 0
        while effect.enabled(request):
            effect.note(request, feed, trace)
            noted += 1
        await writes.close()
        assert effect.enabled(request)
        await store.close()
        return noted

    assert asyncio.run(fill()) == PACE.waiting


@pytest.mark.parametrize(
    "damage", [lambda b: b"", lambda b: b[:40], lambda b: b"\x09" + b[1:], lambda b: b[:9] + b[10:]]
)
def test_a_damaged_record_is_no_record(damage, store_server):
    blob = encode_trace(TRACER.traced(*asked("damaged")))
    with pytest.raises(UnreadableTrace):
        decode_trace(damage(blob))
    with redis.Redis.from_url(store_server.url) as state:
        state.set(trace_key("damaged"), damage(blob), ex=60)
    with pytest.raises(Unreadable, match="damaged"):
        told(store_server.url, "damaged")


def test_the_route_answers_with_the_codes_of_the_document(store_server):
    keep(store_server.url, [asked("by-http")], Explain())

    async def ask(url: str, request_id: str) -> tuple[int, dict]:
        store = OnlineStore(url, STORE)
        api = api_of(explanations=ExplainService(store, SERVED, Settings()))
        async with http_session(api) as session, session.get(f"/v1/explain/{request_id}") as answer:
            told = answer.status, await answer.json()
        await store.close()
        return told

    status, feed = asyncio.run(ask(store_server.url, "by-http"))
    assert (status, feed["request_id"]) == (200, "by-http")
    status, error = asyncio.run(ask(store_server.url, "x" * 3000))
    assert (status, error["error"]["field"], len(error["error"]["value"])) == (404, "request_id", 64)
    status, error = asyncio.run(ask(f"redis://127.0.0.1:{free_port()}", "by-http"))
    assert (status, error["error"]["field"]) == (503, "store")
