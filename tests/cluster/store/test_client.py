import asyncio
import os
import time
from pathlib import Path

import pytest
import redis

from cluster.settings import Store
from cluster.store.breaker import StoreUnavailable
from cluster.store.client import SHOWN_KEPT, SHOWN_LIMIT, OnlineStore, shown_key
from cluster.store.valkey_server import ValkeyServer
from tests.conftest import free_port

PATIENT = Store(timeout_ms=2000)


def test_users_are_written_in_bulk_and_read_one_by_one(store_server: ValkeyServer) -> None:
    async def scenario() -> None:
        async with OnlineStore(store_server.url, PATIENT) as store:
            blobs = {user: os.urandom(user % 50) for user in range(2**40, 2**40 + 1203)}
            await store.write_users(blobs)
            read = await asyncio.gather(*(store.read_user(user) for user in blobs))
            assert dict(zip(blobs, read, strict=True)) == blobs
            assert await store.read_user(-1) is None

    asyncio.run(scenario())


def test_concurrent_reads_share_round_trips_and_a_lone_one_takes_one(store_server: ValkeyServer) -> None:
    async def scenario() -> tuple[int, int]:
        async with OnlineStore(store_server.url, PATIENT) as store:
            await store.ping()
            with redis.Redis.from_url(store_server.url) as client:

                def reads() -> int:
                    return int(client.info("commandstats").get("cmdstat_mget", {}).get("calls", 0))

                before = reads()
                await store.read_user(1)
                lone = reads() - before
                await asyncio.gather(*(store.read_user(user) for user in range(64)))
                together = reads() - before - lone
            return lone, together

    lone, together = asyncio.run(scenario())
    assert lone == 1
    assert together == 1


def test_what_feeds_have_shown_is_read_with_the_state_and_bounded(store_server: ValkeyServer) -> None:
    async def scenario() -> None:
        async with OnlineStore(store_server.url, PATIENT) as store:
            user, other = 2**41, 2**41 + 1
            await store.write_users({user: b"state"})
            assert await store.read_shown(user) is None
            await store.note_shown([(user, b"abcd"), (other, b"ijkl"), (user, b"efgh")], 100)
            with redis.Redis.from_url(store_server.url) as client:
                calls = client.info("commandstats")["cmdstat_mget"]["calls"]
                assert await asyncio.gather(store.read_user(user), store.read_shown(user)) == [b"state", b"abcdefgh"]
                assert client.info("commandstats")["cmdstat_mget"]["calls"] == calls + 1
                assert 0 < client.ttl(shown_key(user)) <= 100
            await store.note_shown([(user, b"m" * SHOWN_KEPT)], 100)
            assert await store.read_shown(user) == b"m" * SHOWN_KEPT
            await store.note_shown([(user, b"n" * SHOWN_LIMIT)], 100)
            assert await store.read_shown(user) is None
            assert await store.read_shown(other) == b"ijkl"
            await store.forget_shown(other)
            assert await store.read_shown(other) is None

    asyncio.run(scenario())


def test_gone_store_fails_fast_and_heals_by_itself(tmp_path: Path) -> None:
    async def scenario(server: ValkeyServer) -> None:
        async with OnlineStore(server.url, Store(timeout_ms=500, retry_ms=100)) as store:
            await store.write_users({7: b"seven"})
            assert await store.read_user(7) == b"seven"
            assert store.available

            server.stop()
            with pytest.raises(StoreUnavailable):
                await store.read_user(7)
            assert not store.available
            begin = time.perf_counter()
            for _ in range(50):
                with pytest.raises(StoreUnavailable):
                    await store.read_user(7)
            assert time.perf_counter() - begin < 5, "a wait for each would be 25 s"

            server.start()
            await asyncio.sleep(0.15)
            assert await store.read_user(7) == b"seven"
            assert store.available

    with ValkeyServer(tmp_path, Store(port=free_port())) as server:
        asyncio.run(scenario(server))


def test_hanging_store_times_out_and_later_answers_stay_in_step(tmp_path: Path) -> None:
    async def scenario(server: ValkeyServer) -> None:
        async with OnlineStore(server.url, Store(timeout_ms=300, retry_ms=1000)) as store:
            await store.write_users({user: b"%d" % user for user in range(100)})
            with redis.Redis.from_url(server.url) as client:
                client.execute_command("CLIENT", "PAUSE", 1500, "ALL")
            for _ in range(3):
                with pytest.raises(StoreUnavailable, match="Timeout"):
                    await store.read_user(1)
            begin = time.perf_counter()
            with pytest.raises(StoreUnavailable):
                await store.read_user(1)
            assert time.perf_counter() - begin < 0.25, "refused without asking"
            await asyncio.sleep(1.5)
            for user in range(100):
                assert await store.read_user(user) == b"%d" % user

    with ValkeyServer(tmp_path, Store(port=free_port(), fsync="everysec")) as server:
        asyncio.run(scenario(server))


def test_a_cancelled_read_leaves_the_connection_in_step(store_server: ValkeyServer) -> None:
    async def scenario() -> None:
        async with OnlineStore(store_server.url, PATIENT) as store:
            await store.write_users({user: b"%d" % user for user in range(500)})
            for user in range(500):
                read = asyncio.ensure_future(store.read_user(user))
                for _ in range(user % 7):
                    await asyncio.sleep(0)
                read.cancel()
                assert await store.read_user(499 - user) == b"%d" % (499 - user)

    asyncio.run(scenario())


def test_a_full_store_refuses_writes_and_still_answers_reads(tmp_path: Path) -> None:
    async def scenario(server: ValkeyServer) -> None:
        async with OnlineStore(server.url, PATIENT) as store:
            await store.write_users({1: b"one"})
            with redis.Redis.from_url(server.url) as client:
                client.config_set("maxmemory", 1)
            with pytest.raises(StoreUnavailable, match=r"refuses.*maxmemory"):
                await store.end_filling(b"data", {})
            assert store.available
            assert await store.read_user(1) == b"one"

    with ValkeyServer(tmp_path, Store(port=free_port())) as server:
        asyncio.run(scenario(server))


def test_the_clock_of_a_data_set_is_kept_from_the_first_start(store_server: ValkeyServer) -> None:
    async def scenario() -> None:
        async with OnlineStore(store_server.url, PATIENT) as store:
            assert await store.keep_clock("a", -1000) == -1000
            assert await store.keep_clock("a", -2000) == -1000
            assert await store.keep_clock("b", -3000) == -3000

    asyncio.run(scenario())


def test_a_store_that_does_not_let_go_is_left_alone(
    store_server: ValkeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def late(self: asyncio.StreamWriter) -> None:
        await asyncio.sleep(60)

    async def scenario() -> None:
        async with OnlineStore(store_server.url, Store(timeout_ms=5000)) as patient:
            await patient.ping()
        monkeypatch.setattr(asyncio.StreamWriter, "wait_closed", late)
        async with OnlineStore(store_server.url, Store(timeout_ms=500)) as store:
            await store.ping()

    asyncio.run(scenario())
