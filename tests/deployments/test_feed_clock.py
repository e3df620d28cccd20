import asyncio
import time
from pathlib import Path
from types import SimpleNamespace

from cluster.serving import Serving
from cluster.settings import Settings, Store
from cluster.store.client import OnlineStore
from cluster.store.valkey_server import ValkeyServer
from deployments.feed_clock import feed_clock

DATA_END_MS = 1_600_000_000_000


def clocks(server: ValkeyServer, settings: Settings, *datasets: str) -> list[int]:
    """Feed times told one after the other, as by starts half a second apart."""

    async def scenario() -> list[int]:
        times = []
        async with OnlineStore(server.url, Store(timeout_ms=2000)) as store:
            for dataset in datasets:
                manifest = SimpleNamespace(end_ms=DATA_END_MS, fingerprint=dataset)
                times.append((await feed_clock(settings, store, manifest)).now_ms())
                await asyncio.sleep(0.5)
        return times

    return asyncio.run(scenario())


def test_replayed_time_goes_on_over_restarts_for_each_data_set(store_server: ValkeyServer, tmp_path: Path) -> None:
    name = str(tmp_path)  # of this test alone
    first, second, other, third = clocks(store_server, Settings(), name, name, name + "other", name)
    assert 0 <= first - DATA_END_MS < 400
    assert 450 <= second - first < 900
    assert 0 <= other - DATA_END_MS < 400
    assert 950 <= third - second < 1400


def test_real_time_needs_no_memory(store_server: ValkeyServer) -> None:
    [now] = clocks(store_server, Settings(serving=Serving(clock="wall")), "any")
    assert abs(now - time.time() * 1000) < 2000
