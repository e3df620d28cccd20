import asyncio

import numpy as np
import uvloop

from benchmarks import effect
from benchmarks.effect import Effect, EffectWatch
from benchmarks.http_client import Address
from cluster.settings import Store
from cluster.store.client import OnlineStore
from tests.benchmarks.event_servers import Cascade
from tests.benchmarks.servers import serving

USERS = np.arange(7_000, 7_050)
POSTS = np.arange(100)


def seen(address: Address, url: str, seconds: float) -> Effect:
    async def run() -> Effect:
        async with OnlineStore(url, Store()) as store:
            async with EffectWatch(address, store, USERS, POSTS, np.random.default_rng(1)) as watch:
                await asyncio.sleep(seconds)
            return watch.effect

    return uvloop.run(run())


def test_an_event_is_in_effect_when_the_user_s_history_has_it(store_server):
    cascade = Cascade(store_server.url)
    with serving(cascade.handle) as address:
        found = seen(address, store_server.url, 1.0)
    assert found.watched == len(cascade.taken) > 0
    assert found.missing == 0
    assert 0 < found.ms.p50 <= found.ms.p99
    assert {event["action"] for event in cascade.taken} == {"impression"}


def test_what_never_comes_is_missing_and_not_timed(store_server, monkeypatch):
    monkeypatch.setattr(effect, "PATIENCE_S", 0.2)
    cascade = Cascade()
    with serving(cascade.handle) as address:
        found = seen(address, store_server.url, 1.0)
    assert found.watched == found.missing == len(cascade.taken) > 0
    assert np.isnan(found.ms.p50)


def test_refused_events_are_not_watched(store_server):
    with serving(Cascade(refuses=1).handle) as address:
        found = seen(address, store_server.url, 0.5)
    assert (found.watched, found.missing) == (0, 0)
