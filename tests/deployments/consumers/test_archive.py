import asyncio
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import msgspec
import pyarrow.parquet as pq
import pytest
import redis

from cluster.archive import EVENTS_SCHEMA, ArchiveInUse, EventArchive, PostArchive
from cluster.catalogue_log import CatalogueLog
from cluster.clock import Clock
from cluster.ending import end
from cluster.event_log import STREAM, EventLog
from cluster.events import Erasure, Event, Profile, Record, decode_record
from cluster.posts import Ad, Post
from cluster.settings import ArchiveFiles, Events, Settings, Store
from cluster.store.consumers import Consumers, position_key
from cluster.store.stream import Stream
from cluster.store.urls import StoreUrls
from cluster.store.valkey_server import ValkeyServer
from deployments.consumers.archive import NAME, POSTS, Archivist, batching, post_archivist
from deployments.consumers.consumer import Batching
from deployments.consumers.metrics import ConsumerMetrics
from deployments.consumers.runner import Runner
from deployments.consumers.specification import Context
from tests.conftest import free_port

HOUR = 3_600_000
DAY = 19_000 * 24 * HOUR  # 8 January 2022
STATE, EVENTS = Store(timeout_ms=2000, retry_ms=50), Events(retry_ms=50)


def event(i: int, **fields: object) -> Event:
    return Event(**{"event_id": f"e{i}", "user_id": i % 7, "post_id": i, "action": "view", "time_ms": DAY, **fields})


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ValkeyServer]:
    """Both stores in one, for they use different keys."""
    with ValkeyServer(tmp_path / "store", Events(port=free_port())) as server:
        yield server


@asynccontextmanager
async def running(root: Path, url: str, size: int = 50, linger_s: float = 0.05) -> AsyncIterator[Consumers]:
    source = Stream(url, EVENTS, STREAM, NAME)
    archive, consumers = EventArchive(root), Consumers(url, STATE)
    archivist = Archivist((NAME, STREAM), decode_record, archive, consumers, Batching(size, linger_s))
    async with source, Consumers(url, STATE) as consumers:
        task = asyncio.create_task(Runner(archivist, source, consumers, ConsumerMetrics(NAME)).run())
        try:
            yield consumers
        finally:
            await end(task)
            await archivist.close()


async def append(url: str, *records: Record) -> list[str]:
    async with EventLog(url, EVENTS) as log:
        return [str(position) for position in await log.append(records)]


async def archived(root: Path, last: str, seconds: float = 20) -> None:
    """Wait until the archive has come to a position."""
    deadline = time.monotonic() + seconds
    while EventArchive(root).position() != last:
        assert time.monotonic() < deadline, "it was not archived in time"
        await asyncio.sleep(0.02)


def ids(root: Path) -> list[str]:
    """Ids of all archived events."""
    return [
        value for path in EventArchive(root).files() for value in pq.ParquetFile(path).read()["event_id"].to_pylist()
    ]


def test_every_field_is_kept_by_the_hour_of_its_time(tmp_path: Path, server: ValkeyServer) -> None:
    full = event(
        1,
        author_id=2**62,
        request_id="r",
        position=3,
        watch_ms=4000,
        surface="home",
        device="ios",
        connection="wifi",
        app_version="1.2",
        region="north",
        topic="cats",
    )
    profile = Profile(user_id=9, time_ms=DAY + HOUR, created_ms=5, followers=6, following=7, region="south")
    records = [full, event(2, time_ms=DAY + 23 * HOUR + HOUR - 1), profile, Erasure(user_id=9, time_ms=DAY + HOUR)]

    async def scenario() -> list[str]:
        positions = await append(server.url, *records)
        async with running(tmp_path, server.url) as consumers:
            await archived(tmp_path, positions[-1])
            await asyncio.sleep(0.1)
            assert await consumers.position(NAME) == positions[-1]
        return positions

    positions = asyncio.run(scenario())
    folder = tmp_path / "events" / "date=20220108"
    first = pq.ParquetFile(folder / "hour=00" / f"{positions[0]}.parquet").read()
    assert first.schema.equals(EVENTS_SCHEMA)
    [row] = first.to_pylist()
    expected = {name: getattr(full, name) for name in full.__struct_fields__}
    assert {name: row[name] for name in expected} == expected
    assert (row["record"], row["log_position"], row["followers"]) == ("event", positions[0], None)
    assert (folder / "hour=23" / f"{positions[1]}.parquet").exists()
    rows = pq.ParquetFile(folder / "hour=01" / f"{positions[2]}.parquet").read().to_pylist()
    assert [(r["record"], r["user_id"], r["followers"], r["region"]) for r in rows] == [
        ("profile", 9, 6, "south"),
        ("erasure", 9, None, None),
    ]


def test_a_file_is_written_when_it_is_large_or_late(tmp_path: Path, server: ValkeyServer) -> None:
    async def scenario() -> list[int]:
        async with running(tmp_path, server.url, size=40, linger_s=0.5):
            await append(server.url, *(event(i) for i in range(100)))
            last = await append(server.url, event(100))
            await archived(tmp_path, last[-1])
        return [pq.read_metadata(path).num_rows for path in EventArchive(tmp_path).files()]

    assert asyncio.run(scenario()) == [40, 40, 21]


def test_a_process_killed_at_any_moment_leaves_no_gap_and_no_repeat(tmp_path: Path, server: ValkeyServer) -> None:
    """A real process archives; it is killed with SIGKILL again and again while events come."""
    program = (
        "import asyncio, sys; from pathlib import Path; from tests.deployments.consumers.test_archive import running\n"
        "async def main():\n"
        "    async with running(Path(sys.argv[1]), sys.argv[2], size=100, linger_s=0.01): await asyncio.sleep(600)\n"
        "asyncio.run(main())\n"
    )

    @contextmanager
    def archiving() -> Iterator[None]:
        command = [sys.executable, "-c", program, str(tmp_path), server.url]
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
            try:
                yield
            finally:
                process.send_signal(signal.SIGKILL)

    async def scenario() -> None:
        sent = 0
        for kill_after in range(1, 4):
            with archiving():
                files = len(EventArchive(tmp_path).files())
                while len(EventArchive(tmp_path).files()) < files + 5 * kill_after:
                    await append(server.url, *(event(i) for i in range(sent, sent + 20)))
                    sent += 20
                    await asyncio.sleep(0.02)
        [last] = await append(server.url, event(sent))
        with archiving():
            await archived(tmp_path, last)
        assert sorted(ids(tmp_path)) == sorted(f"e{i}" for i in range(sent + 1))

    asyncio.run(scenario())


def test_a_crash_before_the_position_is_written_again(tmp_path: Path, server: ValkeyServer) -> None:
    async def scenario() -> None:
        first = await append(server.url, *(event(i) for i in range(10)))
        async with running(tmp_path, server.url):
            await archived(tmp_path, first[-1])
        done = EventArchive(tmp_path).files()
        last = await append(server.url, *(event(i) for i in range(10, 20)), event(20, time_ms=DAY + 5 * HOUR))
        async with running(tmp_path, server.url):
            await archived(tmp_path, last[-1])
        before = {path: path.read_bytes() for path in EventArchive(tmp_path).files()}
        # As if it had been killed after the files, before the position; with an unfinished one beside them.
        (tmp_path / "events" / "position").write_text(first[-1])
        unfinished = done[0].with_name(f".{last[-1]}.parquet.part")
        unfinished.write_bytes(b"PAR1")
        async with running(tmp_path, server.url):
            await archived(tmp_path, last[-1])
        assert {path: path.read_bytes() for path in EventArchive(tmp_path).files()} == before
        assert not unfinished.exists()
        assert len(before) == 3

    asyncio.run(scenario())


def test_a_lost_state_store_does_not_thin_out_the_archive(tmp_path: Path, server: ValkeyServer) -> None:
    async def scenario() -> None:
        positions = await append(server.url, *(event(i) for i in range(10)))
        async with running(tmp_path, server.url):
            await archived(tmp_path, positions[-1])
        with redis.Redis.from_url(server.url) as client:
            client.delete(position_key(NAME))
            client.xtrim(STREAM, maxlen=0)
        async with running(tmp_path, server.url) as consumers:
            [last] = await append(server.url, event(10))
            await archived(tmp_path, last)
            await asyncio.sleep(0.1)
            assert await consumers.position(NAME) == last
        assert ids(tmp_path) == [f"e{i}" for i in range(11)]

    asyncio.run(scenario())


def test_a_full_disk_is_waited_out_and_reported_and_nothing_is_lost(tmp_path: Path, server: ValkeyServer) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    async def scenario() -> None:
        async with running(tmp_path, server.url) as consumers:
            first = await append(server.url, event(0))
            await archived(tmp_path, first[-1])
            resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))  # as a quota or a full disk: writes fail
            try:
                last = await append(server.url, *(event(i) for i in range(1, 500)))
                await asyncio.sleep(2.5)
                [report] = await consumers.reports()
                assert report.waiting
                assert "File too large" in report.waiting
                assert report.lag == 499
                assert report.poisoned == 0
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, limits)
            await archived(tmp_path, last[-1])
        assert sorted(ids(tmp_path)) == sorted(f"e{i}" for i in range(500))

    asyncio.run(scenario())


def test_one_process_at_a_time_writes(tmp_path: Path) -> None:
    with EventArchive(tmp_path).lock(), pytest.raises(ArchiveInUse), EventArchive(tmp_path).lock():
        pass
    with EventArchive(tmp_path).lock():
        assert os.listdir(tmp_path / "events") == ["lock"]


def test_files_are_not_so_large_that_events_are_refused_meanwhile() -> None:
    settings = Settings(archive=ArchiveFiles(flush_events=1000, flush_s=3))
    assert batching(settings) == Batching(1000, 3)
    assert batching(settings.model_copy(update={"events": Events(max_lag=100)})) == Batching(50, 3)


def test_posts_are_archived_as_they_were_written(tmp_path: Path, server: ValkeyServer) -> None:
    first = Post(post_id=1, author_id=2, created_ms=3, caption="sea", tags=["a"], embedding=[0.5] * 32, encoder="x:Y")
    gone = msgspec.structs.replace(first, deleted=True, kind="photo", ad=Ad(bid=0.5))

    async def scenario() -> None:
        settings = Settings(home=tmp_path, archive=ArchiveFiles(flush_s=0.05), store=STATE)
        archivist = post_archivist(Context(settings, StoreUrls(server.url, server.url), 0, Clock()))
        async with (
            CatalogueLog(server.url, EVENTS) as log,
            Stream(server.url, EVENTS, archivist.stream, POSTS) as source,
            Consumers(server.url, STATE) as consumers,
        ):
            [nothing] = await log.read([1])
            await log.write([(nothing, first)])
            [stored] = await log.read([1])
            await log.write([(stored, gone)])
            task = asyncio.create_task(Runner(archivist, source, consumers, ConsumerMetrics(POSTS)).run())
            deadline = time.monotonic() + 20
            while await consumers.position(POSTS) != await log.last_position():
                assert time.monotonic() < deadline
                await asyncio.sleep(0.02)
            await end(task)
            await archivist.close()

    asyncio.run(scenario())
    [file] = PostArchive(tmp_path / "archive").files()
    assert file.parent == tmp_path / "archive" / "catalogue"
    rows = pq.ParquetFile(file).read().to_pylist()
    assert [{name: row[name] for name in first.__struct_fields__} for row in rows] == [
        {name: getattr(post, name) for name in first.__struct_fields__} | {"ad": ad}
        for post, ad in ((first, None), (gone, {"bid": 0.5, "daily_cap": None}))
    ]
