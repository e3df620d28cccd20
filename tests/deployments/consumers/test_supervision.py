import asyncio
import os
import signal
import time
from pathlib import Path

import pytest
import ray
import redis

from cluster.archive import EventArchive
from cluster.clock import Clock
from cluster.event_log import EventLog
from cluster.events import Event
from cluster.ray_runtime import RaySession
from cluster.settings import ArchiveFiles, Events, Settings, Store
from cluster.store.consumers import Consumers
from cluster.store.urls import StoreUrls
from cluster.store.valkey_server import ValkeyServer
from deployments.consumers.consumer import Consumer
from deployments.consumers.registry import consumer_specs
from deployments.consumers.specification import ConsumerSpec, Context
from deployments.consumers.supervision import run_consumers
from deployments.consumers.trimming import trim
from tests.conftest import free_port
from tests.deployments.consumers.counting import Adder
from tests.waiting import until


def make_adder(context: Context) -> Consumer[int]:
    return Adder(context.urls.state, "adder")


SPECS = [ConsumerSpec("adder", Adder.stream, "events", make_adder)]


def test_a_killed_actor_comes_back_and_goes_on_from_its_position(tmp_path: Path, ray_session: RaySession) -> None:
    with (
        ValkeyServer(tmp_path / "events", Events(port=free_port())) as events,
        ValkeyServer(tmp_path / "state", Store(port=free_port())) as state,
        redis.Redis.from_url(events.url) as log,
        redis.Redis.from_url(state.url) as store,
    ):
        log.xgroup_create(Adder.stream, "gone", mkstream=True)
        context = Context(Settings(home=tmp_path), StoreUrls(state.url, events.url), 0, Clock())

        def count() -> int:
            return int(store.get("count:adder") or 0)

        def append(numbers: int) -> None:
            pipeline = log.pipeline(transaction=False)
            for _ in range(numbers):
                pipeline.xadd(Adder.stream, {"e": 1})
            pipeline.execute()

        with run_consumers(SPECS, context) as actors:
            until(lambda: [group["name"] for group in log.xinfo_groups(Adder.stream)] == [b"adder"])
            append(100)
            until(lambda: count() == 100)
            first = ray.get(actors["adder"].pid.remote())
            os.kill(first, signal.SIGKILL)
            append(5000)
            until(lambda: count() == 5100)
            second = ray.get(actors["adder"].pid.remote())
            assert second != first
        until(lambda: not _runs(second))
        append(1)
        time.sleep(0.2)
        assert count() == 5100, "it ended with the block"


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_stream_is_trimmed_behind_the_slowest_and_no_younger_than_told(tmp_path: Path) -> None:
    async def scenario(url: str) -> list[int]:
        context = Context(Settings(home=tmp_path), StoreUrls(url, url), 0, Clock())
        fast, slow = (ConsumerSpec(name, Adder.stream, "events", make_adder) for name in ("fast", "slow"))
        left = []
        with redis.Redis.from_url(url) as client:
            for i in range(10_000):
                client.xadd(Adder.stream, {"e": 1}, id=f"{1000 + i}-0")
            async with (
                fast.open_stream(context) as stream,
                slow.open_stream(context) as other,
                Consumers(url, Store()) as consumers,
            ):
                await stream.begin("10999-0")
                await other.begin("0-0")
                await consumers.put("fast", "10999-0")
                for position, retention_s in (("0-0", 0), ("6000-0", 10**10), ("6000-0", 0), ("10999-0", 0)):
                    await consumers.put("slow", position)
                    await trim(stream, consumers, retention_s)
                    left.append(int(client.xlen(Adder.stream)))
        return left

    with ValkeyServer(tmp_path / "store", Store(port=free_port())) as server:
        left = asyncio.run(scenario(server.url))
    # Whole nodes of the stream are dropped: a hundred entries each.
    assert left[:2] == [10_000, 10_000]
    assert left[2] == pytest.approx(5000, abs=101)
    assert left[3] <= 101


def test_the_consumers_of_a_cascade_start_and_one_archives(tmp_path: Path, ray_session: RaySession) -> None:
    async def append(url: str) -> str:
        async with EventLog(url, Events()) as log:
            event = Event(event_id="a", user_id=1, action="block", author_id=2, time_ms=3)
            return str((await log.append([event]))[0])

    with (
        ValkeyServer(tmp_path / "events", Events(port=free_port())) as events,
        ValkeyServer(tmp_path / "state", Store(port=free_port())) as state,
    ):
        settings = Settings(home=tmp_path, archive=ArchiveFiles(flush_s=0.1))
        specs = [spec for spec in consumer_specs(settings) if spec.name == "archive"]
        with run_consumers(specs, Context(settings, StoreUrls(state.url, events.url), 0, Clock())):
            position = asyncio.run(append(events.url))
            until(lambda: EventArchive(settings.archive_folder).position() == position)
    [file] = EventArchive(settings.archive_folder).files()
    assert file.parts[-3:] == ("date=19700101", "hour=00", f"{position}.parquet")
