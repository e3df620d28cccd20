import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from cluster.errors import CascadeError
from cluster.event_log import STREAM, EventLog
from cluster.events import Erasure, Event, Profile, Record, decode_record, encode_record
from cluster.record_removal import SLICE, RecordRemoval
from cluster.settings import Settings, Store
from cluster.store.consumers import Consumers
from cluster.store.stream import Entry, Stream
from cluster.store.urls import StoreUrls
from cluster.store.valkey_server import ValkeyServer
from tests.conftest import free_port

SETTINGS = Settings()


@pytest.fixture
def urls(tmp_path: Path) -> Iterator[StoreUrls]:
    with ValkeyServer(tmp_path, Store(port=free_port())) as server:
        yield StoreUrls(server.url, server.url)


def did(user: int, time_ms: int) -> Event:
    return Event(event_id=f"{user}-{time_ms}", user_id=user, action="like", post_id=1, time_ms=time_ms)


def erasure(user: int, time_ms: int) -> Erasure:
    return Erasure(user_id=user, time_ms=time_ms)


def append(urls: StoreUrls, *records: Record) -> list[str]:
    async def appending() -> list[str]:
        async with EventLog(urls.events, SETTINGS.events) as log:
            return [str(position) for position in await log.append(records)]

    return asyncio.run(appending())


def stored(urls: StoreUrls) -> list[Record]:
    with redis.Redis.from_url(urls.events) as client:
        return [decode_record(fields[b"e"]) for _, fields in client.xrange(STREAM)]


def remove(urls: StoreUrls, *users: int, last: str = "+") -> tuple[int, list[tuple[int, int]]]:
    """How many were removed, and what was told on the way."""
    told = []

    async def removing() -> int:
        async with RecordRemoval(urls, SETTINGS) as removal:
            return await removal.remove(users, last, lambda done, total: told.append((done, total)))

    return asyncio.run(removing()), told


def test_what_was_before_the_erasure_goes_and_the_rest_stays(urls: StoreUrls) -> None:
    kept = [did(2, 1), erasure(1, 5), did(1, 6), did(3, 7), erasure(2, 8), did(1, 9)]
    append(urls, Profile(user_id=1, time_ms=0), did(1, 1), kept[0], erasure(1, 3), did(1, 4), *kept[1:])
    assert remove(urls, 1) == (4, [(10, 10)])
    assert stored(urls) == kept
    assert remove(urls, 1)[0] == 0


def test_a_user_who_was_not_erased_keeps_everything(urls: StoreUrls) -> None:
    records = [did(1, 1), did(2, 2)]
    append(urls, *records)
    assert remove(urls, 1, 2)[0] == 0
    assert stored(urls) == records


def test_what_came_after_the_last_position_stays(urls: StoreUrls) -> None:
    positions = append(urls, did(1, 1), erasure(1, 2), did(1, 3), erasure(1, 4))
    assert remove(urls, 1, last=positions[1])[0] == 1
    assert stored(urls) == [erasure(1, 2), did(1, 3), erasure(1, 4)]


def test_a_log_longer_than_a_slice_is_gone_through_to_its_begin(urls: StoreUrls) -> None:
    append(urls, did(1, 0), *(did(2, i) for i in range(2 * SLICE)), did(1, 1), erasure(1, 2))
    removed, told = remove(urls, 1)
    assert (removed, told[-1]) == (2, (2 * SLICE + 3, 2 * SLICE + 3))
    assert len(stored(urls)) == 2 * SLICE + 1


def test_entries_that_were_set_aside_go_too(urls: StoreUrls) -> None:
    payloads = [encode_record(did(1, 1)), encode_record(did(2, 1)), b"rubbish"]

    async def setting_aside() -> None:
        async with Stream(urls.events, SETTINGS.events, STREAM, "users") as stream:
            for payload in payloads:
                await stream.set_aside(Entry("1-1", payload), "no reason")

    asyncio.run(setting_aside())
    assert remove(urls, 1)[0] == 1
    with redis.Redis.from_url(urls.events) as client:
        assert [fields[b"e"] for _, fields in client.xrange(f"{STREAM}:poison")] == payloads[1:]


def test_all_consumers_are_waited_for(urls: StoreUrls) -> None:
    first, last = append(urls, did(1, 1), did(1, 2))

    async def scenario() -> None:
        async with (
            RecordRemoval(urls, SETTINGS) as removal,
            Consumers(urls.state, SETTINGS.store) as consumers,
        ):
            for name in ("users", "archive"):
                async with Stream(urls.events, SETTINGS.events, STREAM, name) as stream:
                    await stream.begin("0-0")
            await consumers.advance("users", "0-0", last)
            await consumers.advance("archive", "0-0", first)
            with pytest.raises(CascadeError, match=f"consumer archive stands at {first}.* not yet at {last}"):
                await removal.applied_by_all(0)
            waiting = asyncio.create_task(removal.applied_by_all(20))
            await asyncio.sleep(0.2)
            assert not waiting.done()
            await consumers.advance("archive", first, last)
            assert await waiting == last

    asyncio.run(scenario())


def test_a_log_that_nobody_reads_yet_is_not_waited_for(urls: StoreUrls) -> None:
    async def last() -> str:
        async with RecordRemoval(urls, SETTINGS) as removal:
            return await removal.applied_by_all(0)

    assert asyncio.run(last()) == "0-0"
    [position] = append(urls, did(1, 1))
    assert asyncio.run(last()) == position
